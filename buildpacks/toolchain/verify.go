package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"slugc/buildpacks/toolchain/manifest"
	"slugc/cache/digest"
)

// Verify reads every file of the store and compares it with its tree's manifest. It removes damaged
// trees, so that the next build fetches or makes them again, and returns what was wrong, one sentence
// each. Trees of an older slugc, which have no manifest, are left to the next build. A damaged tree
// that a build uses stays, and is still named.
func (st *Store) Verify(ctx context.Context) (problems []string, err error) {
	verify := func(what, id, tree string) (whole bool, err error) {
		problem, err := st.verifyTree(ctx, id, tree)
		if problem != "" {
			problems = append(problems, what+": "+problem)
		}
		return problem == "", err
	}
	err = st.each(func(r *record, tree string) error {
		what := fmt.Sprintf("toolchain %s %s", r.Tool, r.Version)
		whole, err := verify(what, r.id(), tree)
		if err != nil || !whole {
			return err
		}
		for _, name := range derivedOf(tree) {
			id, place := r.id()+derivedMark+name, filepath.Join(tree, derivedDir, name)
			if _, err := verify(fmt.Sprintf("%s of %s", name, what), id, place); err != nil {
				return err
			}
		}
		return nil
	})
	return problems, err
}

// verifyTree checks one tree. It returns what is wrong with it, "" for nothing.
func (st *Store) verifyTree(ctx context.Context, id, tree string) (problem string, err error) {
	m, err := manifest.Read(st.manifestFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil {
		err = m.Check(ctx, tree, manifest.ByContent)
	}
	if err == nil {
		return "", nil
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	unlock, free, errLock := st.tryLock(id)
	if errLock != nil {
		return err.Error(), errLock
	}
	if !free {
		return err.Error() + "; a build uses it", nil
	}
	defer unlock()
	if err := st.remove(id, tree); err != nil {
		return err.Error(), err
	}
	return err.Error() + "; removed, the next build that needs it makes or fetches it again", nil
}

// Digests returns the digests of everything in the store, by [Lease.Digest].
func (st *Store) Digests() (map[digest.Digest]bool, error) {
	entries, err := os.ReadDir(filepath.Join(st.dir, manifestDir))
	if err != nil {
		return nil, fmt.Errorf("listing the toolchain store: %w", err)
	}
	all := map[digest.Digest]bool{}
	for _, e := range entries {
		if m, err := manifest.Read(st.manifestFile(e.Name())); err == nil {
			all[m.Digest()] = true
		}
	}
	return all, nil
}
