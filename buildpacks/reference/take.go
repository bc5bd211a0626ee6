package reference

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"slugc/cache/digest"
	"slugc/detect/lazyregexp"
)

// Take returns the package that a reference names. A directory or an archive of this machine is read each time,
// anything else only if the store has no copy. The package stays until [Store.Close]. Errors are [*Error] where the
// reference, what it leads to or the network is to blame.
func (s *Store) Take(ctx context.Context, r Ref) (Package, error) { return s.named(ctx, r, false) }

// Update is Take for a reference that is fetched, even if the store has a copy.
func (s *Store) Update(ctx context.Context, r Ref) (Package, error) { return s.named(ctx, r, true) }

// named takes a reference and names it in the error.
func (s *Store) named(ctx context.Context, r Ref, fresh bool) (Package, error) {
	p, err := s.take(ctx, r, fresh)
	if e, ok := errors.AsType[*Error](err); ok && e.Ref == "" {
		e.Ref = r.Text
	} else if err != nil && !ok && ctx.Err() == nil {
		err = fmt.Errorf("taking the buildpack %q: %w", r.Text, err)
	}
	return p, err
}

func (s *Store) take(ctx context.Context, r Ref, fresh bool) (Package, error) {
	if r.Path == "" {
		return s.takePinned(ctx, r, fresh)
	}
	if a := s.unchanged(ctx, r); a != nil {
		return s.answer(r, a, r.Path), nil
	}
	var got Package
	err := s.stage(ctx, r.key(), func(dir string) error {
		was := r.look(ctx)
		f, err := s.fetch(ctx, r, dir)
		if err != nil {
			return err
		}
		a, err := s.commit(ctx, r, f, "")
		if err == nil {
			got = s.answer(r, a, f.source)
			s.remember(ctx, r, was, a.Digest)
		}
		return err
	})
	return got, err
}

// fetch puts what a reference names into the staging directory.
func (s *Store) fetch(ctx context.Context, r Ref, staging string) (*fetched, error) {
	tree := filepath.Join(staging, "got")
	f := &fetched{staging: staging, source: r.Path}
	var err error
	switch {
	case r.Kind == Directory:
		err = s.copyDirectory(ctx, r.Path, tree)
	case r.Kind == Archive && r.Path != "":
		err = s.unpackLocal(ctx, r, tree)
	case r.Kind == Archive:
		err = s.fetchArchive(ctx, r, f, tree)
	case r.Kind == Git:
		err = s.fetchGit(ctx, r, f, tree)
	case r.Kind == Registry:
		return s.fetchRegistry(ctx, r, staging)
	case r.Kind == Image:
		return f, s.fetchImage(ctx, r, f)
	default:
		return nil, fmt.Errorf("a reference of kind %q is not fetched", r.Kind)
	}
	if err != nil {
		return nil, err
	}
	if isLayout(tree) {
		return f, s.unpackLayout(ctx, f, tree)
	}
	if f.tree, f.members, err = recognise(tree, r.Sub, s.o.OS+"/"+s.o.Arch); err == nil {
		err = s.compose(ctx, r, f, tree)
	}
	return f, err
}

// key names a reference in the store: equal ones have equal keys.
func (r Ref) key() string {
	addr := userinfo.ReplaceAllString(r.Addr, "$1")
	text := strings.Join([]string{string(r.Kind), r.ID, r.Path, addr, r.Rev, r.Sub, r.SHA256.String()}, "\x00")
	return "ref-" + digest.Of([]byte(text)).Hex()[:40]
}

var notInID = lazyregexp.New(`[^a-zA-Z0-9._-]+`)

// name is the last name of a reference, which a classic buildpack is known by.
func (r Ref) name() string {
	text := r.Sub
	if text == "" {
		text = filepath.ToSlash(r.Path)
	}
	if text == "" {
		text, _, _ = strings.Cut(shown(r.Addr), "#")
	}
	if text == "" {
		text = r.ID
	}
	name := path.Base(strings.TrimRight(text, "/"))
	name = name[strings.LastIndexByte(name, ':')+1:]
	for _, suffix := range append([]string{".git"}, archiveSuffixes...) {
		if cut, ok := strings.CutSuffix(name, suffix); ok && r.Sub == "" {
			name = cut
			break
		}
	}
	// An id has no other characters, and begins with a letter or a digit.
	name = strings.Trim(notInID.ReplaceAllString(name, "-"), "-._")
	return cmp.Or(name, "buildpack")
}
