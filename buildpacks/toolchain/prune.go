package toolchain

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slugc/buildpacks/toolchain/source"
	"slugc/cache/disk"
)

// List returns what is in the store, of every platform, by tool and falling version. Requested and
// From are empty: nobody asked for a tree.
func (st *Store) List() ([]Toolchain, error) {
	var all []Toolchain
	err := st.each(func(r *record, tree string) error {
		all = append(all, r.toolchain(tree))
		return nil
	})
	return all, err
}

// each calls do with every whole tree of the store.
func (st *Store) each(do func(r *record, tree string) error) error {
	tools := slices.SortedFunc(slices.Values(st.tools), func(a, b source.Tool) int {
		return strings.Compare(a.Name, b.Name)
	})
	type recorded struct {
		record *record
		tree   string
	}
	for _, t := range tools {
		entries, err := os.ReadDir(filepath.Join(st.dir, t.Name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("listing the toolchain store: %w", err)
		}
		var list []recorded
		for _, e := range entries {
			tree := filepath.Join(st.dir, t.Name, e.Name())
			r, err := readRecord(tree)
			if err != nil {
				return err
			}
			if r != nil && r.Tool == t.Name {
				list = append(list, recorded{r, tree})
			}
		}
		slices.SortStableFunc(list, func(a, b recorded) int {
			return cmp.Or(t.Compare(b.record.Version, a.record.Version), strings.Compare(a.tree, b.tree))
		})
		for _, one := range list {
			if err := do(one.record, one.tree); err != nil {
				return err
			}
		}
	}
	return nil
}

// Prune removes the trees for which keep returns false, what was derived from the others and for
// which it returns false, and listings that are out of date. It returns how many bytes the files
// removed had. lastUsed is at most an hour too early; it is zero for a tree that was never asked for.
// What a [Lease] holds stays. keep is called with the tree's lock held, so it must be quick.
func (st *Store) Prune(keep func(t Toolchain, lastUsed time.Time) bool) (freed int64, err error) {
	err = st.each(func(r *record, tree string) error {
		n, err := st.pruneOne(r, tree, keep)
		freed += n
		return err
	})
	st.forget(source.ListingDir)
	st.forget(choiceDir)
	return freed, err
}

func (st *Store) pruneOne(r *record, tree string, keep func(Toolchain, time.Time) bool) (int64, error) {
	id := r.id()
	if r.Tool+"-"+filepath.Base(tree) != id {
		return 0, nil // its record states another place, so it is not the store's
	}
	t := r.toolchain(tree)
	freed, kept, err := st.pruneTree(id, tree, func(used time.Time) bool { return keep(t, used) })
	if err != nil || !kept {
		return freed, err
	}
	for _, name := range derivedOf(tree) {
		place := filepath.Join(tree, derivedDir, name)
		n, _, err := st.pruneTree(id+derivedMark+name, place, func(used time.Time) bool { return keep(t, used) })
		freed += n
		if err != nil {
			return freed, err
		}
	}
	return freed, nil
}

// pruneTree removes a tree unless a process uses it or keep holds for its last use. It returns how
// many bytes its files had, and whether what was derived from it is to be looked at.
func (st *Store) pruneTree(id, tree string, keep func(time.Time) bool) (freed int64, kept bool, err error) {
	unlock, ok, err := st.tryLock(id)
	if err != nil || !ok {
		return 0, false, err
	}
	defer unlock()
	if keep(st.lastUse(id)) {
		return 0, true, nil
	}
	size, _ := disk.Size(tree)
	return size, false, st.remove(id, tree)
}

// derivedOf lists the names of what was derived from a tree.
func derivedOf(tree string) (names []string) {
	entries, _ := os.ReadDir(filepath.Join(tree, derivedDir)) // most trees have none
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// forget removes listings or choices that nothing has refreshed for a month.
func (st *Store) forget(dir string) {
	entries, _ := os.ReadDir(filepath.Join(st.dir, dir))
	for _, e := range entries {
		if info, err := e.Info(); err == nil && st.set.Now().Sub(info.ModTime()) > 30*source.FreshFor {
			_ = os.Remove(filepath.Join(st.dir, dir, e.Name()))
		}
	}
}

// mark records that a tree is used. Once an hour is exact enough for pruning.
func (st *Store) mark(id string) {
	file := filepath.Join(st.dir, usedDir, id)
	now := st.set.Now()
	if now.Sub(st.lastUse(id)).Abs() < time.Hour {
		return
	}
	if f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
		_ = f.Close()
		_ = os.Chtimes(file, now, now) // a mark that fails only makes the tree look older
	}
}

func (st *Store) lastUse(id string) time.Time {
	info, err := os.Stat(filepath.Join(st.dir, usedDir, id))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
