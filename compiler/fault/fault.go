// Package fault says whose fault an error is, under which stable id users can look it up, what they
// can do about it, and which exit code the process ends with.
//
// An error that carries no fault is slugc's own ([Slugc], exit 1). The knowledge of whose fault it
// is lies where the error is made, so the mark is set there and survives wrapping: [Of] finds it
// with errors.As.
//
// Error text: lower case, gerund, quoted object, one line: `reading "Procfile": line 3: …`.
package fault

import (
	"errors"
	"fmt"
)

// Owner is who can mend an error.
type Owner string

// The owners.
const (
	App       Owner = "app"       // the owner of the app being built
	Slugc     Owner = "slugc"     // slugc itself: a bug or a broken installation
	Usage     Owner = "usage"     // whoever typed the command
	Transient Owner = "transient" // nobody: trying again may work
)

// The exit codes. They are stable: scripts depend on them. The decades follow the CNB lifecycle's
// phases.
const (
	ExitOK          = 0
	ExitSlugc       = 1
	ExitUsage       = 2
	ExitNoMatch     = 20  // no buildpack matches the source
	ExitDetect      = 21  // a detector failed
	ExitCache       = 42  // the cache cannot be used or is damaged
	ExitBuild       = 51  // the app's build failed
	ExitBuildpack   = 52  // a buildpack broke
	ExitPack        = 62  // packing, inspecting, verifying or unpacking a slug failed
	ExitRelease     = 72  // registering was refused
	ExitTransient   = 75  // EX_TEMPFAIL: try again
	ExitInterrupted = 130 // SIGINT
)

// Error is an error with an owner. The zero value is not useful.
type Error struct {
	ID    string   // stable, `room/kebab-words`, e.g. "procfile/duplicate-type"
	Owner Owner    // who can mend it
	Code  int      // exit code, one of the Exit constants
	Place string   // file, and line where known, relative to the app root; "" where there is none
	Hints []string // what to do, one sentence each; a command stands in backquotes
	Err   error    // what happened, one line; never nil
}

// Error returns the text of what happened, without id or hints.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns what happened.
func (e *Error) Unwrap() error { return e.Err }

// New marks err, which must not be nil. Code 0 stands for the owner's usual code: App 51, Usage 2,
// Transient 75, Slugc 1.
func New(owner Owner, code int, id string, err error, hints ...string) *Error {
	if code == 0 {
		code = map[Owner]int{App: ExitBuild, Usage: ExitUsage, Transient: ExitTransient, Slugc: ExitSlugc}[owner]
	}
	return &Error{ID: id, Owner: owner, Code: code, Hints: hints, Err: err}
}

// AppError marks err as one that the app's owner can mend (exit 51).
func AppError(id string, err error, hints ...string) *Error { return New(App, 0, id, err, hints...) }

// UsageError marks err as a mistake in the command (exit 2).
func UsageError(id string, err error, hints ...string) *Error {
	return New(Usage, 0, id, err, hints...)
}

// TransientError marks err as one that may go away by itself (exit 75).
func TransientError(id string, err error, hints ...string) *Error {
	return New(Transient, 0, id, err, hints...)
}

// At sets the place (file, line) and returns e.
func (e *Error) At(format string, args ...any) *Error {
	e.Place = fmt.Sprintf(format, args...)
	return e
}

// Of returns the fault that err carries, or one that calls it slugc's own with id "slugc/internal".
// It returns nil for nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		if err == error(e) {
			return e
		}
		outer := *e
		outer.Err = err
		return &outer
	}
	return New(Slugc, 0, "slugc/internal", err)
}
