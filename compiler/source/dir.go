package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"slugc/compiler/fault"
	"slugc/detect"
	"slugc/detect/ignore"
)

// directory is a source on disk.
type directory struct {
	root  *os.Root // the app
	outer *os.Root // the source that the app is part of
	sub   string   // from outer to root, without links; "" if they are the same
	tree  *workTree
	taken *detect.Selection // of what is in root; nil for all of it
}

func (d *directory) close() error { return errors.Join(d.root.Close(), d.outer.Close()) }

func (s *Source) openDir(ctx context.Context, spec Spec, sub string) error {
	d, err := openApp(spec.Dir, sub)
	if err != nil {
		return err
	}
	s.origin = d
	cache := loadCache(s.o.StatCache)
	var in *scope
	d.tree = findWorkTree(filepath.Join(spec.Dir, filepath.FromSlash(sub)), spec.Env)
	if err := s.widen(spec, d); err != nil {
		return err
	}
	if d.tree != nil && !spec.IncludeIgnored {
		in, err = s.gitScope(ctx, d.tree)
	}
	if err == nil {
		_, err = s.scan(ctx, d, cache, in)
	}
	if trouble, ok := errors.AsType[*gitTrouble](err); ok {
		s.warnings = append(s.warnings, fmt.Sprintf("What git ignores is not left out of the source: %v.", trouble))
		_, err = s.scan(ctx, d, cache, nil)
	}
	if err == nil && in != nil && s.taken != nil && s.hasMember() != nil {
		s.leftOut = "Git ignores this directory itself, so nothing is left out of it"
		_, err = s.scan(ctx, d, cache, nil)
	}
	if err != nil {
		return err
	}
	s.remember(cache)
	return nil
}

// gitScope returns what git ignores in the app's directory; nil if the directory is ignored itself, so
// that nothing would be left.
func (s *Source) gitScope(ctx context.Context, tree *workTree) (*scope, error) {
	in, err := tree.scope(ctx)
	if err != nil || !in.tracked {
		return in, err
	}
	if _, err := tree.tracks(ctx, "", true); err != nil {
		return nil, &gitTrouble{err}
	}
	if len(tree.files) == 0 {
		s.leftOut = "Git ignores this directory itself, so nothing is left out of it"
		return nil, nil
	}
	return in, nil
}

// openApp opens the source and the app's directory in it. A link on the way is followed as long as it
// stays in the source.
func openApp(dir, sub string) (*directory, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		cause := errors.Unwrap(err)
		return nil, fault.UsageError(
			"source/not-found",
			fmt.Errorf("opening source %q: %w", dir, cause),
			"name a directory that exists",
		)
	}
	app, err := root.OpenRoot(filepath.FromSlash(cmp.Or(sub, ".")))
	if err != nil {
		root.Close()
		return nil, errNoSubdir(sub, errors.Unwrap(err).Error())
	}
	d := &directory{root: app, outer: root}
	if sub != "" {
		if d.sub, err = follow(".", sub, d.readlink); err != nil {
			_ = d.close()
			return nil, errNoSubdir(sub, err.Error())
		}
	}
	return d, nil
}

// scan sets the entries below root and their digests, and returns the walker that found them. git is
// what git ignores there.
func (s *Source) scan(ctx context.Context, d *directory, cache *statCache, git *scope) (*walker, error) {
	rules, err := d.ignoring(s.Member())
	if err != nil {
		return nil, err
	}
	w := &walker{
		directory: d, git: git, rules: rules, cache: cache, tally: tally{limits: s.o.Limits}, listing: s.o.Listing,
	}
	w.group, w.ctx = errgroup.WithContext(ctx)
	w.group.SetLimit(s.o.Workers)
	w.group.Go(func() error { return w.dir(subdir{rel: ".", scope: git}) })
	if err := w.group.Wait(); err != nil {
		return nil, err
	}
	s.entries, s.ignored = w.entries, w.ignored
	if w.left.count > 0 {
		s.leftOut = w.left.text()
	}
	return w, sortEntries(s.entries)
}

// ignoring reads the rules of the tree, of which member is the app's directory, "" for all of it.
func (d *directory) ignoring(member string) (i ignoring, err error) {
	if i.root, err = readIgnore(d.root, ignoreFile); err == nil && member != "" {
		i.member = member + "/"
		i.own, err = readIgnore(d.root, i.member+ignoreFile)
	}
	return i, err
}

// readIgnore reads a .slugignore.
func readIgnore(root *os.Root, ignoreFile string) (ignore.Rules, error) {
	st, err := root.Lstat(ignoreFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, errUnreadable(ignoreFile, err, "make it readable, or remove it")
	case !st.Mode().IsRegular():
		return nil, errNotRegular(ignoreFile)
	}
	f, err := root.OpenFile(ignoreFile, openFlags, 0)
	if err != nil {
		return nil, errUnreadable(ignoreFile, err, "make it readable, or remove it")
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, ignore.MaxBytes+1))
	if err != nil {
		return nil, errUnreadable(ignoreFile, err, "make it readable, or remove it")
	}
	return parseIgnore(content)
}

// errChanging is the error for a file that changed while it was read.
func errChanging(name string) error {
	return fault.TransientError("source/changing", fmt.Errorf("reading %q: it changed while it was read", name),
		"try again when nothing writes to the source").At("%s", name)
}

// errOpening is the error for a file that was found a moment ago but cannot be opened.
func errOpening(name string, err error) error {
	_, kernel := errors.AsType[syscall.Errno](err)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) || !kernel {
		// An error that is not the kernel's is os.Root's: the path leads out, through a link that
		// was not there before.
		return errChanging(name)
	}
	return errUnreadable(name, err, "make it readable, or leave it out with .slugignore")
}

// margin is how long before its hashing a file must have changed last, so that its times prove that
// it has not changed since: more than a tick of any usual file system's clock.
const margin = 2 * time.Second
