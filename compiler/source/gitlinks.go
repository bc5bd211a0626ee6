package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// linked is the whole tree of a repository: what links out of the app's directory lead to.
type linked struct {
	ctx     context.Context
	repo    *repository
	entries []entry // sorted by path
	dirs    map[string]bool
	attrs   []blob
	modules []gitlink
}

// follow replaces links that leave the app's directory by what they lead to in the repository, like
// [walker.replace].
func (g *gitTree) follow(ctx context.Context, l *lister) error {
	var all *linked
	for i, mounts := 0, 0; i < len(l.entries); i++ {
		e := l.entries[i]
		from := &g.listings[e.listing]
		if e.target == "" || from.repo != 0 || from.base == "" && l.taken == nil {
			continue
		}
		m := &mount{at: strings.TrimSuffix(from.prefix, "/"), from: strings.TrimSuffix(from.base, "/")}
		leaves := m.leaves(e.path, e.target)
		if !leaves && (e.listing > 0 || !mayMiss(l.taken, e.path, e.target)) {
			continue
		}
		if mounts++; mounts > maxMounts {
			return errTooManyLinks(e.path)
		}
		var err error
		if all == nil {
			if all, err = g.listAll(ctx, l.tally); err != nil {
				return err
			}
		}
		added, err := all.at(e, path.Join(m.from, m.rel(e.path)), len(g.listings))
		if !leaves && (err == errAbsent || err == nil && takes(l.taken, added.real, added.slash != "")) {
			continue
		}
		if err == errAbsent {
			err = errLink(e.path, e.target, err)
		}
		if err != nil {
			return err
		}
		g.listings = append(g.listings, listing{
			prefix: e.path + added.slash, base: added.real + added.slash, whole: true, attrs: all.attrs,
		})
		kept := slices.DeleteFunc(added.entries, func(e entry) bool { return l.tree.file(e.path) })
		if err := g.read(ctx, kept, nil); err != nil {
			return err
		}
		l.entries = append(slices.Delete(l.entries, i, i+1), kept...)
		i--
	}
	return nil
}

// listAll lists the whole tree of the repository.
func (g *gitTree) listAll(ctx context.Context, t tally) (*linked, error) {
	l := &lister{tally: tally{limits: t.limits}, tree: newIgnoringTree(ignoring{})}
	modules, err := l.list(ctx, g.repos[0], g.root, "", "")
	if err == nil {
		err = sortEntries(l.entries)
	}
	if err != nil {
		return nil, err
	}
	all := &linked{ctx, g.repos[0], l.entries, map[string]bool{".": true}, l.listings[0].attrs, modules}
	for _, e := range l.entries {
		for dir := path.Dir(e.path); !all.dirs[dir]; dir = path.Dir(dir) {
			all.dirs[dir] = true
		}
	}
	return all, nil
}

// found returns the index of a file or link.
func (all *linked) found(name string) (int, bool) {
	return slices.BinarySearchFunc(all.entries, name,
		func(e entry, name string) int { return strings.Compare(e.path, name) })
}

// readlink returns the target of a link in the repository, "" for anything else.
func (all *linked) readlink(name string) (target string, err error) {
	i, ok := all.found(name)
	switch {
	case !ok && all.dirs[name]:
		return "", nil
	case !ok && slices.ContainsFunc(all.modules, func(l gitlink) bool { return l.path == name }):
		return "", errors.New("which is in a submodule")
	case !ok:
		return "", fs.ErrNotExist
	case all.entries[i].target == "":
		return "", nil
	}
	err = all.repo.blobs(all.ctx, []string{all.entries[i].oid}, func(_ int, _ string, _ int64, in io.Reader) error {
		b, err := io.ReadAll(in)
		target = string(b)
		return err
	})
	return target, err
}

// replacement is what is staged in place of a link.
type replacement struct {
	real    string // where it is in the repository
	slash   string // "/" for a directory
	entries []entry
}

// at returns what the link e, which is at a path in the repository, leads to. Its error is errAbsent if that is
// not there.
func (all *linked) at(e entry, at string, listing int) (r replacement, err error) {
	real, err := follow(at, e.target, all.readlink)
	if err == errAbsent {
		return r, err
	}
	if err != nil {
		return r, errLink(e.path, e.target, err)
	}
	r.real = real
	if i, ok := all.found(real); ok {
		file := all.entries[i]
		file.path, file.listing = e.path, listing
		r.entries = []entry{file}
		return r, nil
	}
	if real == "." || at == real || strings.HasPrefix(at, real+"/") {
		return r, errLink(e.path, e.target, errors.New("which has the link itself in it"))
	}
	r.slash = "/"
	i, _ := all.found(real + "/")
	for ; i < len(all.entries) && strings.HasPrefix(all.entries[i].path, real+"/"); i++ {
		file := all.entries[i]
		file.path, file.listing = e.path+file.path[len(real):], listing
		r.entries = append(r.entries, file)
	}
	return r, nil
}
