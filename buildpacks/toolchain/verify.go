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
	"slugc/cache/disk"
)

// Verify reads every file of the store and compares it with its tree's manifest. It removes damaged
// trees, so that the next build fetches or makes them again, and returns what was wrong, one sentence
// each. Trees of an older slugc, which have no manifest, are left to the next build. A damaged tree
// that a build uses stays, and is still named. A file that cannot be read for want of permissions, files
// or memory, or because the disk fails, is no damage: Verify ends with that error and removes nothing.
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

// verifyTree checks one tree. It returns what is wrong with it, "" for nothing. The error is about a tree
// that could not be read for another reason than damage; it stays.
func (st *Store) verifyTree(ctx context.Context, id, tree string) (problem string, err error) {
	damage, err := st.damage(ctx, id, tree)
	if damage == nil || err != nil {
		return "", err
	}
	unlock, free, err := st.tryLock(id)
	if err != nil {
		return "", err
	}
	if !free {
		return damage.Error() + "; a build uses it", nil
	}
	defer unlock()
	if damage, err = st.damage(ctx, id, tree); damage == nil || err != nil { // a build may have replaced it
		return "", err
	}
	if err := st.remove(id, tree); err != nil {
		return "", err
	}
	return damage.Error() + "; removed, the next build that needs it makes or fetches it again", nil
}

// damage reads every file of a tree and returns how the tree differs from its manifest, nil if it does
// not or has none. err is about the machine or the context.
func (st *Store) damage(ctx context.Context, id, tree string) (damage, err error) {
	m, err := manifest.Read(st.manifestFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = m.Check(ctx, tree, manifest.ByContent)
	}
	switch {
	case err == nil:
		return nil, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case !disk.Damaged(err):
		return nil, fmt.Errorf("verifying %s in the toolchain store: %w", id, err)
	}
	return err, nil
}

// Digests returns the digests of everything in the store, by [Lease.Digest].
func (st *Store) Digests() (map[digest.Digest]bool, error) {
	entries, err := os.ReadDir(filepath.Join(st.dir, manifestDir))
	if err != nil {
		return nil, fmt.Errorf("listing the toolchain store: %w", err)
	}
	all := map[digest.Digest]bool{}
	for _, e := range entries {
		m, err := manifest.Read(st.manifestFile(e.Name()))
		switch {
		case err == nil:
			all[m.Digest()] = true
		case !disk.Damaged(err):
			return nil, fmt.Errorf("reading a manifest of the toolchain store: %w", err)
		}
	}
	return all, nil
}
