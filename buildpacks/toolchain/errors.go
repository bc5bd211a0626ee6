package toolchain

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ConstraintError is a version constraint that cannot be read: the app's mistake.
type ConstraintError struct {
	Tool, Constraint, From string
	Err                    error
}

// Error names the constraint, where it was read and what is wrong with it, in one line.
func (e *ConstraintError) Error() string {
	return fmt.Sprintf("reading the %s version %q%s: %v", e.Tool, e.Constraint, from(e.From), e.Err)
}

// Unwrap returns the cause.
func (e *ConstraintError) Unwrap() error { return e.Err }

// HashError is an artefact whose digest is not the one that the app pins ([Request.Hash]): the
// app's mistake, or an attack.
type HashError struct {
	Tool, Version, From string
	Want                string
}

// Error says which pin does not hold, in one line.
func (e *HashError) Error() string {
	return fmt.Sprintf(
		"verifying %s %s: its digest is not the %s that%s pins",
		e.Tool,
		e.Version,
		clip(e.Want, 24),
		or(e.From, " the app"),
	)
}

// Unavailable says that no source serves a request, and why each does not.
type Unavailable struct {
	Tool, Constraint, From string
	Tried                  []SourceError
}

// SourceError is one source's refusal.
type SourceError struct {
	Source  string   // the source's name
	Err     error    // why, in one line, without credentials
	Nearest []string // for a version that does not exist: what the source has that comes close, best first
}

// Error lists every source with its reason, in one line.
func (e *Unavailable) Error() string {
	what := e.Tool
	if e.Constraint != "" {
		what += fmt.Sprintf(" %q", e.Constraint)
	}
	if len(e.Tried) == 0 {
		return fmt.Sprintf("finding %s%s: no source is configured", what, from(e.From))
	}
	parts := make([]string, len(e.Tried))
	for i, t := range e.Tried {
		parts[i] = t.Error()
	}
	return fmt.Sprintf("finding %s%s: %s", what, from(e.From), strings.Join(parts, "; "))
}

// Unwrap returns the sources' errors.
func (e *Unavailable) Unwrap() []error {
	errs := make([]error, len(e.Tried))
	for i := range e.Tried {
		errs[i] = &e.Tried[i]
	}
	return errs
}

// NotFound reports whether a source that could be asked has no such version: the app asks for
// something that does not exist.
func (e *Unavailable) NotFound() bool { return errors.Is(e, errNoVersion) }

// Transient reports whether the request may succeed on another try: a source could not be reached,
// and none said that the version does not exist.
func (e *Unavailable) Transient() bool {
	if e.NotFound() {
		return false
	}
	for _, t := range e.Tried {
		if transient(t.Err) {
			return true
		}
	}
	return false
}

// Error is "source: reason", with the versions that come close.
func (e *SourceError) Error() string {
	s := e.Source + ": " + e.Err.Error()
	if len(e.Nearest) > 0 {
		s += " (it has " + strings.Join(e.Nearest, ", ") + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

var (
	errNoVersion = errors.New("no version matches")
	errDisabled  = errors.New("switched off by a setting")
	errOffline   = errors.New("not asked, for the build is offline")
)

// noVersion is errNoVersion with what comes close.
type noVersion struct{ nearest []string }

func (*noVersion) Error() string        { return errNoVersion.Error() }
func (*noVersion) Is(target error) bool { return target == errNoVersion }

// digestError is an artefact that is not what its source says it is.
type digestError struct{ what, want, got string }

func (e *digestError) Error() string {
	return fmt.Sprintf(
		"verifying %s: it has the digest %s where %s is stated",
		e.what,
		clip(e.got, 24),
		clip(e.want, 24),
	)
}

// passing marks an error that another try may not meet.
type passing struct{ error }

func (p passing) Unwrap() error { return p.error }

func transient(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	var p passing
	if errors.As(err, &p) {
		return true
	}
	var s *statusError
	return errors.As(err, &s) && retryable(s.code)
}

func from(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return " " + s
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
