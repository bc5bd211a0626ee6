// Package fault marks errors with whose fault they are, a stable id, hints what to do, and the exit code
// that the process ends with.
//
//	err := fault.AppError("ruby/lockfile-missing", errors.New("Gemfile.lock is missing"),
//		"run `bundle lock` and commit Gemfile.lock")
//	err = fmt.Errorf("building blog: %w", err)
//	f := fault.Of(err) // f.Owner is App, f.Code is 51, f.Hints has one hint
//
// The code that makes an error knows whose fault it is, so it sets the mark there. The mark survives
// wrapping: [Of] finds it. An error without a mark is slugc's own ([Slugc], exit 1).
//
// Trouble of the machine is the exception: a full disk, one that is read-only or broken, no files left.
// Whoever meets it, at whatever stage, need not know: [Of] recognises the kernel's error and makes it
// [Transient], with one id per kind ([disk.TroubleOf]).
//
// # Exit codes
//
// They are stable: scripts depend on them. The tens follow the phases of the CNB lifecycle.
//
//	0    success
//	1    slugc's own fault
//	2    wrong usage
//	12   a buildpack is written for a Buildpack API that slugc does not speak
//	20   no buildpack matches the source
//	21   a detector failed, or a buildpack cannot be loaded
//	42   the cache cannot be used or is damaged
//	51   the app's build failed
//	52   a buildpack broke
//	62   packing, inspecting, verifying or unpacking a slug failed
//	72   registering a release was refused
//	75   may work when tried again (EX_TEMPFAIL of sysexits.h)
//	130  interrupted
//
// # Text
//
// The text of an error is one line: lower case, a gerund, the quoted object and the cause, such as
// `reading "Procfile": line 3: …`. A hint is a sentence that tells what to do.
//
// Ids are for people and for documents. Code that tells errors apart uses sentinels and types with
// [errors.Is] and [errors.AsType], which a mark does not hide: it wraps the error.
package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"slugc/cache/disk"
)

// Owner is who can fix an error.
type Owner string

// The owners.
const (
	App       Owner = "app"       // the owner of the app that is built
	Slugc     Owner = "slugc"     // slugc itself: a bug or a broken installation
	Usage     Owner = "usage"     // whoever typed the command
	Transient Owner = "transient" // no one: it may work when tried again
)

// The exit codes. See the package comment.
const (
	ExitOK          = 0
	ExitSlugc       = 1
	ExitUsage       = 2
	ExitAPI         = 12
	ExitNoMatch     = 20
	ExitDetect      = 21
	ExitCache       = 42
	ExitBuild       = 51
	ExitBuildpack   = 52
	ExitPack        = 62
	ExitRelease     = 72
	ExitTransient   = 75
	ExitLaunch      = 82
	ExitInterrupted = 130
)

// Error is an error with an owner. The zero value is not useful.
type Error struct {
	ID    string   // stable, `room/kebab-words`, e.g. "procfile/duplicate-type"
	Owner Owner    // who can fix it
	Code  int      // exit code, one of the Exit constants
	Place string   // file, and line where known, relative to the app root; "" where there is none
	Hints []string // what to do, one sentence each; a command stands in backquotes
	Err   error    // what happened, one line; never nil
}

// Error returns the text of what happened, without id or hints.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns what happened.
func (e *Error) Unwrap() error { return e.Err }

// New marks err, which must not be nil. Code 0 is the owner's usual code: App 51, Usage 2, Transient 75,
// Slugc 1.
func New(owner Owner, code int, id string, err error, hints ...string) *Error {
	if code == 0 {
		code = map[Owner]int{App: ExitBuild, Usage: ExitUsage, Transient: ExitTransient, Slugc: ExitSlugc}[owner]
	}
	return &Error{ID: id, Owner: owner, Code: code, Hints: hints, Err: err}
}

// AppError marks err as one that the app's owner can fix (exit 51).
func AppError(id string, err error, hints ...string) *Error { return New(App, 0, id, err, hints...) }

// UsageError marks err as a mistake in the command (exit 2).
func UsageError(id string, err error, hints ...string) *Error {
	return New(Usage, 0, id, err, hints...)
}

// TransientError marks err as one that may not occur when the command is tried again (exit 75).
func TransientError(id string, err error, hints ...string) *Error {
	return New(Transient, 0, id, err, hints...)
}

// At sets the place (file, line) and returns e.
func (e *Error) At(format string, args ...any) *Error {
	e.Place = fmt.Sprintf(format, args...)
	return e
}

// Of returns the mark that err wraps, with the whole text of err. Without a mark it returns one that calls
// err slugc's own, with the id "slugc/internal", or "disk/permission" where a permission is missing.
// Trouble of the machine that err wraps replaces any mark. It returns nil for nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	e, marked := errors.AsType[*Error](err)
	if trouble, ok := disk.TroubleOf(err); ok && !(marked && e.covers(trouble)) {
		return ofTrouble(err, e, trouble)
	}
	switch {
	case !marked && errors.Is(err, fs.ErrPermission):
		return New(Slugc, ExitCache, "disk/permission", err,
			"let the user that runs slugc read and write there: a run as root or as another user leaves such files")
	case !marked:
		return New(Slugc, 0, "slugc/internal", err)
	case err == error(e):
		return e
	}
	outer := *e
	outer.Err = err
	return &outer
}

// covers reports whether the mark says already what the trouble is. A read-only place that the command
// names is a mistake in the command.
func (e *Error) covers(trouble disk.Trouble) bool {
	return e.ID == trouble.ID || e.Owner == Usage && trouble.ID == "disk/read-only"
}

// ofTrouble is the fault of a machine in trouble. marked is the mark that err has, or nil: what it advises
// still holds if trying again was its advice.
func ofTrouble(err error, marked *Error, trouble disk.Trouble) *Error {
	if !strings.Contains(err.Error(), trouble.Path) {
		err = fmt.Errorf("%w (%s)", err, trouble.Path)
	}
	hints := []string{trouble.Hint}
	if marked != nil && marked.Owner == Transient {
		hints = slices.Concat(hints, marked.Hints)
	}
	return TransientError(trouble.ID, err, hints...)
}
