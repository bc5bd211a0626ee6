package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

var (
	// ErrNoVersion is the error of a source that has no version that serves.
	ErrNoVersion = errors.New("no version matches")
	// ErrDisabled is the error of a source that is switched off or not set.
	ErrDisabled = errors.New("switched off by a setting")
)

// NoVersionError is [ErrNoVersion] with the versions that come close, the best first.
type NoVersionError struct{ Nearest []string }

// Error is the text of ErrNoVersion.
func (*NoVersionError) Error() string { return ErrNoVersion.Error() }

// Is reports whether target is ErrNoVersion.
func (*NoVersionError) Is(target error) bool { return target == ErrNoVersion }

// DigestError is the error for an artefact whose digest is not the one that its source states.
// Digests are in the source's own form.
type DigestError struct{ What, Want, Got string }

// Error names the artefact and the beginning of both digests.
func (e *DigestError) Error() string {
	got, want := Clip(e.Got, 24), Clip(e.Want, 24)
	return fmt.Sprintf("verifying %s: it has the digest %s where %s is stated", e.What, got, want)
}

// Clip is at most n bytes of a text, marked where it was cut.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}

// statusError is an answer other than 200 and 304.
type statusError struct {
	url  string
	code int
}

func (e *statusError) Error() string {
	text := http.StatusText(e.code)
	if text != "" {
		text = " " + text
	}
	return fmt.Sprintf("getting %s: %d%s", e.url, e.code, text)
}

// Absent reports whether an error is a server's answer that it does not have the document.
func Absent(err error) bool {
	s, ok := errors.AsType[*statusError](err)
	return ok && (s.code == http.StatusNotFound || s.code == http.StatusGone)
}

// Refused reports whether an error is a server's answer that another try will not change. A server
// that need not have the document may answer so.
func Refused(err error) bool {
	s, ok := errors.AsType[*statusError](err)
	return ok && !retryable(s.code)
}

func retryable(code int) bool {
	return code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500
}

type transientError struct{ error }

func (e transientError) Unwrap() error { return e.error }

// Transient marks an error that another try may not meet.
func Transient(err error) error { return transientError{err} }

// IsTransient reports whether another try may not meet the error.
func IsTransient(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	if _, ok := errors.AsType[transientError](err); ok {
		return true
	}
	s, ok := errors.AsType[*statusError](err)
	return ok && retryable(s.code)
}
