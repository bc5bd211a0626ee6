package launch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/slug"
)

// Unpacked is a slug unpacked in a directory of its own.
type Unpacked struct {
	Dir string // the app
	tmp string
}

// Unpack unpacks the slug in file into a new directory below runs. It makes runs if it is missing,
// and removes there what processes have left that no longer run. want is the digest that the file
// must have, or "" for any; another one is a fault "slug/not-the-release". progress may be nil.
func Unpack(
	ctx context.Context, runs, file string, want digest.Digest, progress func(done, total int64),
) (*Unpacked, error) {
	if err := CheckDigest(file, want); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(runs, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory to run in: %w", err)
	}
	removeStale(runs)
	tmp, err := os.MkdirTemp(runs, fmt.Sprintf("%d-*", os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("making a directory to run in: %w", err)
	}
	u := &Unpacked{Dir: filepath.Join(tmp, "app"), tmp: tmp}
	if err := slug.Unpack(ctx, file, u.Dir, slug.UnpackOptions{Progress: progress}); err != nil {
		u.Remove()
		return nil, err
	}
	return u, nil
}

// CheckDigest returns a fault "slug/not-the-release" when the slug in file has another digest than
// the release's, want. With "" any digest is right.
func CheckDigest(file string, want digest.Digest) error {
	if want == "" {
		return nil
	}
	is, _, err := digest.File(file)
	if err != nil || is == want {
		return err
	}
	return fault.New(fault.Slugc, fault.ExitPack, "slug/not-the-release",
		fmt.Errorf("reading %q: its digest is %s, the release's is %s", file, is, want),
		"build the app again, or roll back to a release whose slug is whole")
}

// Remove removes the directory. What it cannot remove, a later [Unpack] removes.
func (u *Unpacked) Remove() { _ = disk.RemoveAll(u.tmp) }

// removeStale removes the directories whose process no longer runs.
func removeStale(runs string) {
	entries, _ := os.ReadDir(runs)
	for _, e := range entries {
		pid, _, _ := strings.Cut(e.Name(), "-")
		if _, err := os.Stat("/proc/" + pid); err != nil {
			_ = disk.RemoveAll(filepath.Join(runs, e.Name()))
		}
	}
}
