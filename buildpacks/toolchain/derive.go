package toolchain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"slugc/cache/disk"
	"slugc/detect/lazyregexp"
)

// derivedDir is where a tree keeps what was derived from it: inside, to be measured, moved and
// removed with its tree. Tools do not look there, and whoever copies a tree leaves it out.
const derivedDir = ".derived"

var derivedName = lazyregexp.New(`^[a-z0-9][a-z0-9-]{0,99}$`)

// Derived returns a directory that was made from a toolchain of the store and from nothing else, so
// that all apps may share it, for example its compiled standard library. name (a-z, 0-9 and "-")
// distinguishes it from others of the same toolchain, and must state what else decides its content.
//
// Where the directory is missing, make fills dir, an empty directory whose parent is the store's
// own, and may take its time; then dir is put in place by one rename. Of all goroutines and
// processes that ask at the same time, one makes it and the others wait for it, or for ctx; wait,
// which may be nil, is called before. When make fails, its error is returned, nothing is left, and
// the next who waits tries. What a killed make has left is removed by [Open]. While make runs,
// [Store.Prune] leaves the toolchain alone.
//
// For a toolchain that is not in the store ("this machine") it returns "" and no error.
func (st *Store) Derived(
	ctx context.Context,
	t Toolchain,
	name string,
	wait func(),
	make func(ctx context.Context, dir string) error,
) (string, error) {
	if !derivedName.MatchString(name) {
		return "", fmt.Errorf("deriving %q from %s %s: that is not a valid name", name, t.Tool, t.Version)
	}
	tree := st.tree(t.Tool, t.Version)
	if filepath.Clean(t.Dir) != tree {
		return "", nil
	}
	place := filepath.Join(tree, derivedDir, name)
	if isDir(place) {
		return place, nil
	}
	id := st.id(t.Tool, t.Version)
	release, err := st.lock(ctx, id, true)
	if err != nil {
		return "", err
	}
	defer release()
	if st.held(t.Tool, t.Version) == nil {
		return "", fmt.Errorf("deriving %q from %s %s: %w", name, t.Tool, t.Version, errPruned)
	}
	id += "+" + name
	unlock, err := st.lockOrWait(ctx, id, wait)
	if err != nil {
		return "", err
	}
	defer unlock()
	if isDir(place) {
		return place, nil
	}
	if err := st.derive(ctx, filepath.Join(st.dir, stagingDir, id), place, make); err != nil {
		return "", fmt.Errorf("deriving %q from %s %s: %w", name, t.Tool, t.Version, err)
	}
	return place, nil
}

// lockOrWait is lock, and calls wait before it has to wait.
func (st *Store) lockOrWait(ctx context.Context, name string, wait func()) (unlock func(), err error) {
	l := st.lockFile(name)
	ok, err := l.TryLock()
	switch {
	case ok:
		return func() { _ = l.Unlock() }, nil
	case err == nil && wait != nil:
		wait()
	}
	return st.lock(ctx, name, false)
}

// derive makes a directory in staging and puts it in its place.
func (st *Store) derive(
	ctx context.Context,
	staging, place string,
	make func(ctx context.Context, dir string) error,
) error {
	if err := disk.RemoveAll(staging); err != nil {
		return err
	}
	if err := os.Mkdir(staging, 0o755); err != nil {
		return err
	}
	defer disk.RemoveAll(staging)
	if err := make(ctx, staging); err != nil {
		return err
	}
	return moveInto(staging, place)
}

func isDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}
