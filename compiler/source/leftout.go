package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"slugc/detect/ignore"
)

// gitIgnore names the files with git's rules.
const gitIgnore = ".gitignore"

// scope is what git ignores in one directory of a source. A nil scope ignores nothing.
type scope struct {
	tree    *workTree
	level   *ignore.Level
	tracked bool // the directory is ignored: only what is tracked stays
}

// gitTrouble is an error for which a source is read without git, with a warning.
type gitTrouble struct{ err error }

func (e *gitTrouble) Error() string { return e.err.Error() }
func (e *gitTrouble) Unwrap() error { return e.err }

// child decides on an entry of the scope's directory; rel is its path in the source. It returns the
// scope of a directory that stays, and whether git ignores the entry.
func (s *scope) child(ctx context.Context, rel string, dir bool) (below *scope, out bool, err error) {
	if s == nil {
		return nil, false, nil
	}
	name := rel[len(s.tree.in):]
	if !s.tracked {
		ignored := s.level.Ignored(s.tree.above+name, dir)
		if err := s.level.Err(); err != nil {
			return nil, false, &gitTrouble{fmt.Errorf("reading %s: %w", gitIgnore, err)}
		}
		if !ignored {
			return s, false, nil
		}
	}
	tracked, err := s.tree.tracks(ctx, name, dir)
	if err != nil {
		if ctx.Err() == nil {
			err = &gitTrouble{err}
		}
		return nil, false, err
	}
	if !tracked {
		return nil, true, nil
	}
	return &scope{tree: s.tree, level: s.level, tracked: true}, false, nil
}

// add adds the rules of a file in the directory at, relative to the work tree.
func (s *scope) add(at, file string, f *os.File) error {
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return nil // git skips it too
	}
	content, err := io.ReadAll(io.LimitReader(f, ignore.MaxBytes+1))
	if err == nil {
		s.level, err = s.level.Below(at, content)
	}
	if err != nil {
		return &gitTrouble{fmt.Errorf("reading %q: %w", file, err)}
	}
	return nil
}

// addFile adds the rules of the file at a path if there is such a file.
func (s *scope) addFile(at, file string, flag int) error {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK|flag, 0)
	if errors.Is(err, fs.ErrPermission) {
		return &gitTrouble{err}
	}
	if err != nil {
		return nil
	}
	return s.add(at, file, f)
}

// enter returns the scope in a directory, whose first names these are: with the rules of its
// .gitignore, or those of a work tree of its own. A .gitignore that is a link does not count, as for
// git. listing is what reading the names returned, and is returned if nothing fails.
func (w *walker) enter(f *os.File, d subdir, names []string, listing error) (*scope, error) {
	s := d.scope
	if s == nil || listing != nil && listing != io.EOF {
		return nil, listing
	}
	more := len(names) == nameChunk
	if d.rel != "." && (more || slices.Contains(names, ".git")) {
		inner, err := s.nested(w.ctx, d.rel)
		if err != nil {
			return nil, err
		}
		if inner != nil {
			s = inner
		}
	}
	if s.tracked || !more && !slices.Contains(names, gitIgnore) {
		return s, listing
	}
	at := path.Join(".", s.tree.above, strings.TrimPrefix(d.rel+"/", s.tree.in))
	fd, err := unix.Openat(int(f.Fd()), gitIgnore, openFlags|unix.O_CLOEXEC, 0)
	if err != nil {
		return s, listing
	}
	s = &scope{tree: s.tree, level: s.level}
	file := path.Join(d.rel, gitIgnore)
	if err := s.add(at, file, os.NewFile(uintptr(fd), file)); err != nil {
		return nil, err
	}
	return s, listing
}

// nested returns the scope of a work tree in the source whose root is the directory at rel: a
// submodule. Its own index and rules count there. It returns nil if there is none.
func (s *scope) nested(ctx context.Context, rel string) (*scope, error) {
	outer := s.tree
	tree := workTreeAt(path.Join(outer.dir, rel[len(outer.in):]), outer.owners)
	if tree == nil {
		return nil, nil
	}
	tree.in, tree.env, tree.owners = rel+"/", outer.env, outer.owners
	return tree.scope(ctx)
}

// leave notes an entry that git ignores.
func (w *walker) leave(rel string, dir bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skipped = true
	w.left.add(rel, dir)
}

// leftOut is what git ignores of a source: how much, and the names that say most.
type leftOut struct {
	count int // a directory counts once
	names []string
}

// leftShown is how many names a message shows.
const leftShown = 5

func (l *leftOut) add(rel string, dir bool) {
	if dir {
		rel += "/"
	}
	l.count++
	if l.names = append(l.names, rel); len(l.names) > 1000 {
		l.trim()
	}
}

// trim keeps the names to show: those at the top first, directories before files.
func (l *leftOut) trim() {
	slices.SortFunc(l.names, func(a, b string) int {
		depth := func(name string) int { return strings.Count(strings.TrimSuffix(name, "/"), "/") }
		if n := depth(a) - depth(b); n != 0 {
			return n
		}
		if dir := strings.HasSuffix(a, "/"); dir != strings.HasSuffix(b, "/") {
			if dir {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	l.names = l.names[:min(leftShown, len(l.names))]
}

// text is a line for people; "" if nothing was left out.
func (l *leftOut) text() string {
	if l.count == 0 {
		return ""
	}
	l.trim()
	shown := make([]string, len(l.names))
	for i, name := range l.names {
		if shown[i] = name; strconv.Quote(name) != `"`+name+`"` {
			shown[i] = strconv.Quote(name)
		}
	}
	what, rest := "1 path", ""
	if l.count > 1 {
		what = fmt.Sprintf("%d paths", l.count)
	}
	if l.count > len(shown) {
		rest = " …"
	}
	return fmt.Sprintf("Left out %s that git ignores: %s%s (--include-ignored)",
		what, strings.Join(shown, ", "), rest)
}
