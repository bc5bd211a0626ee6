package reference

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/git"
	"slugc/cache/unpack"
)

// Bounds of submodules.
const (
	maxModules = 50
	maxNesting = 4 // submodules in submodules
)

// modules fetches the submodules of a repository, and theirs, as `git clone --recurse-submodules` does.
type modules struct {
	store   *Store
	staging string
	root    string // where the repository's own files are
	seen    int
}

// enter fetches the submodules of a commit whose files are in the directory at of the root.
func (m *modules) enter(ctx context.Context, in *repository, id, at string, depth int) error {
	_, err := in.Local(ctx, in.dir, "cat-file", "-e", id+":.gitmodules")
	if _, none := errors.AsType[*git.Error](err); none {
		return nil
	}
	var list, tree *git.Output
	if err == nil {
		list, err = in.Local(ctx, in.dir, "config", "--blob", id+":.gitmodules", "-z", "--list")
	}
	if err == nil {
		tree, err = in.Local(ctx, in.dir, "ls-tree", "-r", "-z", "--full-tree", id)
	}
	if err != nil {
		return err
	}
	known := git.ParseModules(list.Bytes())
	for line := range bytes.SplitSeq(tree.Bytes(), []byte{0}) {
		head, name, _ := strings.Cut(string(line), "\t")
		commit, ok := strings.CutPrefix(head, "160000 commit ")
		i := slices.IndexFunc(known, func(k git.Module) bool { return k.Path == name })
		if !ok || i < 0 {
			continue
		}
		if err := m.fetch(ctx, in, known[i], commit, path.Join(at, name), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// fetch fetches one submodule and puts its files where they belong.
func (m *modules) fetch(ctx context.Context, in *repository, k git.Module, commit, name string, depth int) error {
	if m.seen++; m.seen > maxModules || depth > maxNesting {
		return failed(Author, "buildpack/too-large", fmt.Errorf("the submodule %q is one too many", name),
			"take a release of the buildpack that has its submodules in it")
	}
	from, err := git.Resolve(in.from, k.URL)
	switch {
	case err != nil:
		err = fmt.Errorf("its URL %w", err)
	case from.Scheme != "https" && from.Scheme != "ssh" && from.Scheme != in.from.Scheme:
		err = fmt.Errorf("its URL has the protocol %q", from.Scheme)
	case !git.IsID(commit):
		err = errors.New("its commit is not one")
	default:
		err = m.store.o.Limits.CheckName(name)
	}
	if err != nil {
		return failed(Author, "buildpack/repository", fmt.Errorf("the submodule %q cannot be fetched: %w", name, err),
			"take a release of the buildpack that has its submodules in it")
	}
	sub := &repository{
		Client: in.Client, from: from, dir: filepath.Join(m.staging, fmt.Sprintf("module-%d.git", m.seen)),
	}
	if from.Scheme != in.from.Scheme || from.Host != in.from.Host {
		sub.User = nil
	}
	if _, err := sub.fetch(ctx, commit); err != nil {
		return within(fmt.Sprintf("fetching the submodule %q", name), errGit(err))
	}
	to, err := m.place(name)
	if err != nil {
		return err
	}
	if err := m.store.export(ctx, sub, commit, to); err != nil {
		return err
	}
	return m.enter(ctx, sub, commit, name, depth)
}

// place returns the directory for a submodule, which git leaves empty. No link leads there: the files of the
// repository could be such.
func (m *modules) place(name string) (string, error) {
	w, err := unpack.NewWriter(m.root, unpack.Options{Limits: m.store.o.Limits})
	if err == nil {
		err = errors.Join(w.Dir(name, 0o755), w.Close())
	}
	if err != nil {
		return "", errUnpacking(err)
	}
	to := filepath.Join(m.root, filepath.FromSlash(name))
	entries, err := os.ReadDir(to)
	if err == nil && len(entries) > 0 {
		err = failed(Author, "buildpack/repository", fmt.Errorf("the place of the submodule %q is taken", name),
			"take another release of the buildpack")
	}
	return to, err
}
