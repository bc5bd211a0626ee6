package slug

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"slugc/compiler/fault"
)

// ErrKept is what a pack fails with when a section that was to be put in from the store is missing
// there or damaged: packing it again with its files on disk heals it.
var ErrKept = errors.New("the kept section cannot be used")

// appFault marks an error that the app's owner can mend.
func appFault(id string, err error, hints ...string) error {
	return fault.New(fault.App, fault.ExitPack, id, err, hints...)
}

// errChanged says that a file was not at rest while it was packed.
func errChanged(name string) error {
	return fault.New(
		fault.Transient,
		fault.ExitPack,
		"slug/file-changed",
		fmt.Errorf("reading %q: it changed while it was packed", name),
		"end whatever writes to the app during the build, and build again",
	)
}

// errKept says that a section cannot be put in from the store.
func errKept(section, why string) error {
	return fault.New(fault.Slugc, fault.ExitCache, "slug/section-not-kept",
		fmt.Errorf("putting section %q in from the store: %s: %w", section, why, ErrKept), "build again with --fresh")
}

// errOpening says that a slug cannot be opened, which is the caller's mistake if there is none.
func errOpening(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrPermission) {
		return fault.UsageError("slug/not-found", fmt.Errorf("opening slug %q: %w", path, errors.Unwrap(err)),
			"name a slug's file that can be read; `slugc build --output FILE` writes one")
	}
	return fmt.Errorf("opening slug %q: %w", path, err)
}

// errDamaged says that a slug is not what it should be.
func errDamaged(path string, err error) error {
	return fault.New(fault.Slugc, fault.ExitPack, "slug/damaged", fmt.Errorf("reading slug %q: %w", path, err),
		"fetch it or build it again")
}

// writeFault marks a full disk, which is nobody's bug.
func writeFault(path string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.New(
			fault.Transient,
			0,
			"slug/disk-full",
			fmt.Errorf("writing %q: %w", path, err),
			"free some space there and try again",
		)
	}
	return fmt.Errorf("writing %q: %w", path, err)
}
