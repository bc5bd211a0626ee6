package toolchain

import (
	"fmt"
	"path/filepath"
	"time"

	"slugc/buildpacks/toolchain/manifest"
	"slugc/cache/digest"
	"slugc/cache/disk"
)

// Kept is a tree of the store, or a directory that was derived from one.
type Kept struct {
	Toolchain               // Dir is that of the tree, also for what was derived from it
	Derived   string        // the name of the derived directory, "" for the tree itself
	Content   digest.Digest // as of [Lease.Digest]; "" for a tree without a manifest
	Size      int64         // bytes, without what was derived
	Used      time.Time     // at most an hour too early; zero if it was never asked for
	InUse     bool          // a lease holds it now
}

// Kept lists what is in the store, what was derived from a tree after it. Sizes are those of the manifests, so
// no tree is walked but one without a manifest.
func (st *Store) Kept() ([]Kept, error) {
	var all []Kept
	add := func(t Toolchain, id, derived, dir string) error {
		k := Kept{Toolchain: t, Derived: derived, Used: st.lastUse(id)}
		m, err := manifest.Read(st.manifestFile(id))
		switch {
		case err == nil:
			k.Content, k.Size = m.Digest(), m.Size()
		case !disk.Damaged(err):
			return fmt.Errorf("reading a manifest of the toolchain store: %w", err)
		default:
			if k.Size, err = disk.Size(dir); err != nil {
				return err
			}
		}
		unlock, free, err := st.tryLock(id)
		if err != nil {
			return err
		}
		if free {
			unlock()
		}
		k.InUse = !free
		all = append(all, k)
		return nil
	}
	err := st.each(func(r *record, tree string) error {
		t := r.toolchain(tree)
		if err := add(t, r.id(), "", tree); err != nil {
			return err
		}
		for _, name := range derivedOf(tree) {
			if err := add(t, r.id()+derivedMark+name, name, filepath.Join(tree, derivedDir, name)); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// Remove removes what [Store.Kept] has listed, a tree with all that was derived from it, unless a lease holds
// it or it has been used since. It returns how many bytes the files removed had.
func (st *Store) Remove(k Kept) (freed int64, err error) {
	id, place := k.Tool+"-"+filepath.Base(k.Dir), k.Dir
	if k.Derived != "" {
		id, place = id+derivedMark+k.Derived, filepath.Join(k.Dir, derivedDir, k.Derived)
	}
	freed, _, err = st.pruneTree(id, place, func(used time.Time) bool { return used.After(k.Used) })
	return freed, err
}
