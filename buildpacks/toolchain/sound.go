package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slugc/buildpacks/toolchain/manifest"
	"slugc/buildpacks/toolchain/source"
	"slugc/cache/disk"
)

// unsoundError is the error for a tree that is not what it was when it was stored.
type unsoundError struct {
	damage *manifest.Damage // nil for a tree whose manifest is missing or cannot be read
	cause  error
}

func (e *unsoundError) Error() string {
	if e.damage != nil {
		return e.damage.Error()
	}
	return e.cause.Error()
}

func (e *unsoundError) Unwrap() error { return e.cause }

// manifestFile is where the manifest of a tree lies: outside it, because the tree is shown to builds.
func (st *Store) manifestFile(id string) string { return filepath.Join(st.dir, manifestDir, id) }

// check compares a tree with its manifest, which it returns. The error is an [*unsoundError]
// where the tree must not be used. The tree's lock must be held.
func (st *Store) check(ctx context.Context, id, tree string) (*manifest.Manifest, error) {
	m, err := manifest.Read(st.manifestFile(id))
	if err != nil && !disk.Damaged(err) {
		return nil, fmt.Errorf("checking %s in the toolchain store: %w", id, err)
	}
	if err != nil {
		return nil, &unsoundError{cause: err}
	}
	if err := m.Check(ctx, tree, manifest.ByStat); err != nil {
		return nil, unsound(err)
	}
	if m.Changed {
		_ = m.Write(st.manifestFile(id)) // where it cannot be written, the next use hashes again
	}
	return m, nil
}

// unsound returns the error of a comparison as the store's.
func unsound(err error) error {
	if damage, ok := errors.AsType[*manifest.Damage](err); ok {
		return &unsoundError{damage: damage, cause: err}
	}
	return err
}

// seal writes the manifest of a tree that is about to be put into its place. Inputs are the files of
// the machine that it was made from.
func (st *Store) seal(ctx context.Context, id, tree string, inputs ...string) error {
	m, err := manifest.Of(ctx, tree, inputs...)
	if err != nil {
		return err
	}
	return m.Write(st.manifestFile(id))
}

// remove removes a tree: by a rename first, so that it is whole or gone also when this is killed.
// The tree's lock must be held.
func (st *Store) remove(id, tree string) error {
	doomed := filepath.Join(st.dir, stagingDir, id)
	err := disk.RemoveAll(doomed)
	if err == nil {
		err = os.Rename(tree, doomed)
	}
	if err == nil {
		err = errors.Join(disk.SyncDir(filepath.Dir(tree)), disk.RemoveAll(doomed))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %q from the toolchain store: %w", tree, err)
	}
	st.forgetTree(id)
	return nil
}

// forgetTree removes what the store has noted of a tree that is gone, and of what was derived from
// it.
func (st *Store) forgetTree(id string) {
	for _, dir := range []string{manifestDir, usedDir} {
		entries, _ := os.ReadDir(filepath.Join(st.dir, dir))
		for _, e := range entries {
			if e.Name() == id || strings.HasPrefix(e.Name(), id+derivedMark) {
				_ = os.Remove(filepath.Join(st.dir, dir, e.Name())) // a note without a tree says nothing
			}
		}
	}
}

// renew fetches a tree again that has no manifest. Where its source cannot be asked, it makes a
// manifest of the tree as it is: builds could never write to the store, and without a network there
// is nothing better. The tree's lock must be held.
func (st *Store) renew(ctx context.Context, t *source.Tool, r *record, p Progress) error {
	err := errOffline
	if !st.set.Offline {
		err = fmt.Errorf("no source is called %q", r.Source)
	}
	for _, s := range t.Sources {
		if s.Name() != r.Source || st.set.Offline {
			continue
		}
		if _, err = st.fetch(ctx, Request{Tool: r.Tool}, s, r.Version, p); err == nil {
			return nil
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.Note(fmt.Sprintf("%s %s in the toolchain store has no manifest and is used as it is, because it cannot be "+
		"fetched again: %v", r.Tool, r.Version, err))
	return st.seal(ctx, st.id(r.Tool, r.Version), st.tree(r.Tool, r.Version))
}

// replaceWait is how long a damaged tree may be in use by other builds before a build that needs it
// ends.
const replaceWait = 10 * time.Minute

// lockToReplace waits for the builds that use a tree, or until another process has replaced it.
func (st *Store) lockToReplace(ctx context.Context, id, tree string) (func(), error) {
	ctx, cancel := context.WithTimeoutCause(ctx, replaceWait, &DamagedError{
		Tree: tree, What: "it is damaged, and other builds have used it for ten minutes",
	})
	defer cancel()
	return st.lockUnless(ctx, id, nil, func() bool {
		_, err := st.check(ctx, id, tree)
		return err == nil
	})
}
