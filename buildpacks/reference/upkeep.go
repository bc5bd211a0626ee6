package reference

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"slugc/buildpacks/toolchain/manifest"
	"slugc/cache/digest"
	"slugc/cache/disk"
)

// Kept is one package of the store, for [Store.List].
type Kept struct {
	Package           // Ref and Source are those that it was first taken by
	Refs    []string  // the references that are pinned to it
	Size    int64     // bytes of its files
	Taken   time.Time // when it was put there
	Used    time.Time // when it was last asked for
	InUse   bool      // by a living process
}

// List returns what is in the store, what was last asked for first. Damaged packages are not among it.
func (s *Store) List() ([]Kept, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("listing the store of buildpacks: %w", err)
	}
	pins, err := s.pins()
	if err != nil {
		return nil, err
	}
	var list []Kept
	for _, e := range entries {
		d, err := digest.FromHex(e.Name())
		if err != nil {
			continue
		}
		k, err := s.kept(d)
		if errors.Is(err, errAbsent) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, p := range pins {
			if p.Digest == d {
				k.Refs = append(k.Refs, p.Ref)
			}
		}
		slices.Sort(k.Refs)
		list = append(list, *k)
	}
	slices.SortFunc(list, func(a, b Kept) int {
		return cmp.Or(b.Used.Compare(a.Used), cmp.Compare(a.Digest, b.Digest))
	})
	return list, nil
}

// kept reads what one package is.
func (s *Store) kept(d digest.Digest) (*Kept, error) {
	a, err := s.read(d)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(filepath.Join(s.place(d), aboutName))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAbsent, err)
	}
	unlock, free, err := s.tryLock(d.Hex())
	if err != nil {
		return nil, err
	}
	if free {
		unlock()
	}
	k := &Kept{Size: a.Size, Taken: a.Taken, Used: info.ModTime(), InUse: !free}
	k.Package = s.answer(a.by(), a, a.Source)
	return k, nil
}

// by is the reference that a package was first taken by, as far as its names go.
func (a *about) by() Ref { return Ref{Text: a.Ref, Addr: a.Name} }

// Remove removes a package and what is pinned to it, unless a process uses it, and returns the bytes freed.
func (s *Store) Remove(d digest.Digest) (freed int64, err error) { return s.remove(d, true) }

// Drop removes a package as Remove does, but keeps the pins: a build that needs it fetches the same again.
func (s *Store) Drop(d digest.Digest) (freed int64, err error) { return s.remove(d, false) }

func (s *Store) remove(d digest.Digest, forget bool) (freed int64, err error) {
	unlock, free, err := s.tryLock(d.Hex())
	if err != nil || !free {
		return 0, err
	}
	defer unlock()
	a, err := s.read(d)
	if err == nil {
		freed = a.Size
	} else if !errors.Is(err, errAbsent) {
		return 0, err
	}
	if forget {
		if err := s.forget(d); err != nil {
			return 0, err
		}
	}
	return freed, disk.Discard(s.place(d))
}

// Prune drops the packages for which keep returns false and that no process uses. It returns the bytes freed, also
// with an error.
func (s *Store) Prune(keep func(k Kept) bool) (freed int64, err error) {
	list, err := s.List()
	for _, k := range list {
		if keep(k) {
			continue
		}
		n, gone := s.Drop(k.Digest)
		freed, err = freed+n, errors.Join(err, gone)
	}
	return freed, err
}

// Verify reads every file of the store and compares it with its manifest. It removes damaged packages that no process
// uses, so that the next build fetches them again, and returns what was wrong, one sentence each. A file that cannot
// be read for another reason than damage is an error.
func (s *Store) Verify(ctx context.Context) (problems []string, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("verifying the store of buildpacks: %w", err)
	}
	for _, e := range entries {
		d, err := digest.FromHex(e.Name())
		if err != nil {
			continue
		}
		problem, err := s.verify(ctx, d)
		if err != nil {
			return problems, err
		}
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems, nil
}

// verify checks one package, and returns what is wrong with it.
func (s *Store) verify(ctx context.Context, d digest.Digest) (problem string, err error) {
	a, err := s.read(d)
	if err == nil {
		err = s.check(ctx, d, manifest.ByContent)
	}
	if !errors.Is(err, errAbsent) {
		return "", err
	}
	what := "buildpack " + d.Short()
	if a != nil {
		what = "buildpack " + a.Ref
	}
	problem = fmt.Sprintf("%s: %v", what, errors.Unwrap(err))
	if damage, ok := errors.AsType[*manifest.Damage](err); ok {
		problem = what + ": " + damage.Error()
	}
	unlock, free, err := s.tryLock(d.Hex())
	if err != nil {
		return "", err
	}
	if !free {
		return problem + "; a build uses it", nil
	}
	defer unlock()
	// The pins stay: the same is fetched again.
	return problem + "; removed, the next build that needs it fetches it again", disk.Discard(s.place(d))
}
