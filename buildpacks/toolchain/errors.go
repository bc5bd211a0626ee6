package toolchain

import (
	"errors"
	"fmt"
	"strings"

	"slugc/buildpacks/toolchain/source"
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

// Error names the pin that the artefact does not have, in one line.
func (e *HashError) Error() string {
	by := e.From
	if by == "" {
		by = "the app"
	}
	want := source.Clip(e.Want, 24)
	return fmt.Sprintf("verifying %s %s: its digest is not the %s that %s pins", e.Tool, e.Version, want, by)
}

// DamagedError is a tree of the store that is not what was stored, and that could not be replaced.
type DamagedError struct {
	Tool, Version string
	Tree          string // its directory
	What          string // "bin/node was changed"
	Err           error  // why it could not be fetched again; nil where that was not tried
}

// Error names the tree, what is wrong with it and why it was not replaced, in one line.
func (e *DamagedError) Error() string {
	text := fmt.Sprintf("using %q of the toolchain store: %s", e.Tree, e.What)
	if e.Err != nil {
		text += ", and it cannot be fetched again: " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// Unavailable is the error for a request that no source serves, with the reason of each.
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
func (e *Unavailable) NotFound() bool { return errors.Is(e, source.ErrNoVersion) }

// Transient reports whether the request may succeed on another try: a source could not be reached,
// and none said that the version does not exist.
func (e *Unavailable) Transient() bool {
	if e.NotFound() {
		return false
	}
	for _, t := range e.Tried {
		if source.IsTransient(t.Err) {
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

var errOffline = errors.New("not asked, because the build is offline")

// from is who asks, in brackets.
func from(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}
