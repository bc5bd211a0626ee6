package reference

import (
	"errors"
	"fmt"
	"io/fs"

	"slugc/cache/disk"
	"slugc/cache/unpack"
)

// Owner is who can do something about an [Error].
type Owner string

// The owners.
const (
	Writer  Owner = "writer"  // whoever wrote the reference
	Author  Owner = "author"  // the buildpack's author: what was fetched is not a buildpack, or a broken one
	Nobody  Owner = "nobody"  // it may work when tried again
	Machine Owner = "machine" // whoever set this machine up
)

// Error is the error for a reference that leads to no buildpack.
type Error struct {
	Ref   string // as written, credentials removed
	ID    string // stable, for people: "buildpack/not-found"
	Owner Owner
	Hints []string // what to do, one sentence each
	Err   error    // why, in one line without credentials
}

// Error names the reference and the reason, in one line.
func (e *Error) Error() string { return fmt.Sprintf("taking the buildpack %q: %v", e.Ref, e.Err) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// failed is an Error without its reference, which [Store.Take] adds.
func failed(owner Owner, id string, err error, hints ...string) *Error {
	return &Error{ID: id, Owner: owner, Hints: hints, Err: err}
}

// within says in an error what part of a package it is about.
func within(part string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		inner := *e
		inner.Ref, inner.Err = "", fmt.Errorf("%s: %w", part, e.Err)
		return &inner
	}
	return fmt.Errorf("%s: %w", part, err)
}

// errNotFound is the error for a reference that leads nowhere.
func errNotFound(err error, hints ...string) *Error {
	return failed(Writer, "buildpack/not-found", err, hints...)
}

// errUnpacking names what is wrong with an archive or its content.
func errUnpacking(err error) error {
	refusal, refused := errors.AsType[*unpack.Refusal](err)
	switch {
	case refused && refusal.TooLarge:
		return failed(Author, "buildpack/too-large", err, "take a smaller release of the buildpack")
	case refused && refusal.Target != "":
		return failed(Author, "buildpack/archive-refused", err,
			"links of a buildpack must lead to its own files, by relative paths")
	case refused:
		return failed(Author, "buildpack/archive-refused", err, "get the buildpack from a source that you trust")
	case errors.Is(err, unpack.ErrFormat):
		return failed(Author, "buildpack/archive-format", err,
			"name an archive, or end the address of a git repository in .git")
	case errors.Is(err, unpack.ErrDamaged):
		return failed(Author, "buildpack/archive-damaged", err, "fetch it again, or get it from elsewhere")
	}
	return err
}

// errReading is the error of a file or directory of this machine that cannot be read.
func errReading(path string, err error) error {
	if _, trouble := disk.TroubleOf(err); trouble || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("reading %q: %w", path, err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return errNotFound(fmt.Errorf("there is no %q", path),
			"paths are relative to the working directory, or to the app where its files have them")
	}
	return fmt.Errorf("reading %q: %w", path, err)
}

// errUnreachable is the error for what may be had later.
func errUnreachable(err error) *Error {
	return failed(Nobody, "buildpack/unreachable", err, "try again when the server answers")
}
