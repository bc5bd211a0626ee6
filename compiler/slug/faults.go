package slug

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"slugc/cache/disk"
	"slugc/compiler/fault"
)

// ErrNotKept is wrapped by the error of [Pack] when the store does not have a section that must
// come from there, or when that section is damaged. Packing the section again from its files
// repairs it.
var ErrNotKept = errors.New("the kept section cannot be used")

// appFault marks an error that the app's owner can fix.
func appFault(id string, err error, hints ...string) error {
	return fault.New(fault.App, fault.ExitPack, id, err, hints...)
}

// LinkFault is the error for a part of the slug that is reached through a link, which could lead to
// anything on the machine that builds.
func LinkFault(p string) error {
	return fault.AppError("slug/link-outside", fmt.Errorf("packing the slug: %q is a link, or lies below one", p),
		fmt.Sprintf("make %s a directory at the end of the build: it is a part of the slug", p)).At("%s", p)
}

// errChanged is the error for a file that changed while it was packed.
func errChanged(name string) error {
	return fault.New(fault.Transient, fault.ExitPack, "slug/file-changed",
		fmt.Errorf("reading %q: it changed while it was packed", name),
		"end whatever writes to the app during the build, and build again")
}

// errNotKept is the error for a section that cannot be taken from the store; why completes the
// text.
func errNotKept(section, why string) error {
	return fault.New(
		fault.Slugc,
		fault.ExitCache,
		"slug/section-not-kept",
		fmt.Errorf(
			"putting section %q in from the store: %s: %w",
			section,
			why,
			ErrNotKept,
		),
		"build again with --fresh",
	)
}

// errOpening is the error for a slug that cannot be opened: the caller's mistake if there is none.
func errOpening(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, disk.ErrNotRegular) {
		return fault.UsageError("slug/not-found", fmt.Errorf("opening slug %q: %w", path, errors.Unwrap(err)),
			"name a slug's file that can be read; `slugc build --output FILE` writes one")
	}
	return fmt.Errorf("opening slug %q: %w", path, err)
}

// errDamaged is the error for a slug that is not what it should be.
func errDamaged(path string, err error) error {
	return fault.New(fault.Slugc, fault.ExitPack, "slug/damaged", fmt.Errorf("reading slug %q: %w", path, err),
		"fetch it or build it again")
}

// writeFault is the error for a file that cannot be written.
func writeFault(path string, err error) error { return fmt.Errorf("writing %q: %w", path, err) }
