package trees

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"slugc/buildpacks/toolchain/manifest"
	"slugc/cache/digest"
	"slugc/cache/disk"
)

// Tree is one kept tree, for [Store.List].
type Tree struct {
	Key     string        // for [Store.Drop]
	Section string        // the section that it was unpacked for: "slice:node_modules"
	Digest  digest.Digest // of that section
	Size    int64         // bytes of tar: of the files, and half a kilobyte each
	Used    time.Time     // when it was last asked for
	InUse   bool          // by a living process
}

// List returns all trees, the least recently used first. Those that are being unpacked are not among them.
func (s *Store) List() ([]Tree, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("listing the unpacked sections: %w", err)
	}
	var list []Tree
	for _, e := range entries {
		name := s.path(e.Name(), aboutName)
		text, err := disk.ReadRegular(name, 1<<16)
		var a about
		if err != nil || json.Unmarshal(text, &a) != nil || a.Key != e.Name() {
			continue // it goes, or a lease finds it damaged
		}
		info, err := os.Lstat(name)
		if err != nil {
			continue
		}
		lock, err := s.tryLock(e.Name())
		if err != nil {
			return nil, fmt.Errorf("listing the unpacked sections: %w", err)
		}
		if lock != nil {
			_ = lock.Close()
		}
		list = append(list, Tree{a.Key, a.Section, a.Digest, a.Size, info.ModTime(), lock == nil})
	}
	slices.SortFunc(list, func(a, b Tree) int { return cmp.Or(a.Used.Compare(b.Used), cmp.Compare(a.Key, b.Key)) })
	return list, nil
}

// Drop removes a tree, unless a process uses it, and returns the bytes freed as [Tree.Size] states them.
func (s *Store) Drop(t Tree) (freed int64, err error) {
	lock, err := s.tryLock(t.Key)
	if lock == nil {
		return 0, err
	}
	defer lock.Close()
	away, err := s.retire(lock, t.Key)
	if err == nil && away != "" {
		freed, err = t.Size, disk.RemoveAll(s.path(away))
	}
	if err != nil {
		return 0, fmt.Errorf("removing an unpacked section: %w", err)
	}
	return freed, nil
}

// Trim removes what killed processes have left, and the least recently used trees until at most so many bytes
// remain, 0 for [MaxBytes]. What a process uses stays. It returns the bytes freed, also with an error.
func (s *Store) Trim(most int64) (freed int64, err error) {
	most = cmp.Or(most, MaxBytes)
	if err := s.sweep(); err != nil {
		return 0, err
	}
	list, err := s.List()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, t := range list {
		total += t.Size
	}
	for _, t := range list {
		if total-freed <= most {
			break
		}
		n, err := s.Drop(t)
		if freed += n; err != nil {
			return freed, err
		}
	}
	return freed, nil
}

// sweep removes the trees that are out of the way or were not finished, and that nobody uses.
func (s *Store) sweep() (err error) {
	entries, err := os.ReadDir(s.dir)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		away := strings.HasPrefix(e.Name(), awayPrefix)
		if _, unfinished := os.Lstat(s.path(e.Name(), aboutName)); !away && unfinished == nil {
			continue
		}
		lock, locked := s.tryLock(e.Name())
		if lock == nil {
			err = errors.Join(err, locked)
			continue
		}
		if _, unfinished := os.Lstat(s.path(e.Name(), aboutName)); away || unfinished != nil {
			err = errors.Join(err, disk.RemoveAll(s.path(e.Name())))
		}
		_ = lock.Close()
	}
	if err != nil {
		return fmt.Errorf("removing unpacked sections: %w", err)
	}
	return nil
}

// Verify reads every tree and compares it with its manifest. A damaged one goes, as soon as nobody uses it, and
// the next run unpacks it again. It returns what is wrong, one sentence each.
func (s *Store) Verify(ctx context.Context) (problems []string, err error) {
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	for _, kept := range list {
		t := &tree{store: s, key: kept.Key}
		if t.lock, err = s.lock(ctx, t.key, unix.LOCK_SH); err != nil {
			return problems, fmt.Errorf("verifying an unpacked section: %w", err)
		}
		err = t.check(ctx, manifest.ByContent)
		if errors.Is(err, errDamaged) {
			problems = append(problems,
				fmt.Sprintf("unpacked %s: %v; removed, the next run unpacks it again", kept.Section, err))
			_, err = s.retire(t.lock, t.key)
		}
		t.unlock()
		if err != nil && !os.IsNotExist(err) {
			return problems, fmt.Errorf("verifying an unpacked section: %w", err)
		}
	}
	return problems, s.sweep()
}

// Disjoint returns an error if anything but a directory lies at the same place in two of the trees, which no
// whole slug has: the one would hide the other.
func Disjoint(trees []string) error { return disjoint(trees, ".") }

func disjoint(trees []string, rel string) error {
	in := map[string][]string{} // the trees that have the name
	files := map[string]bool{}
	for _, tree := range trees {
		entries, err := os.ReadDir(filepath.Join(tree, rel))
		if err != nil {
			return err
		}
		for _, e := range entries {
			in[e.Name()] = append(in[e.Name()], tree)
			files[e.Name()] = files[e.Name()] || !e.IsDir()
		}
	}
	for name, having := range in {
		if len(having) == 1 {
			continue
		}
		path := filepath.Join(rel, name)
		if files[name] {
			return fmt.Errorf("%q is in two sections", path)
		}
		if err := disjoint(having, path); err != nil {
			return err
		}
	}
	return nil
}
