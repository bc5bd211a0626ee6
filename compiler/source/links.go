package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxHops is how many links are followed to one place, as by Linux; maxMounts is how many of a
// source's links may be replaced.
const (
	maxHops   = 40
	maxMounts = 1000
)

// mount is a directory or file of the source that is staged in place of a link. A nil mount is the
// app's own directory.
type mount struct {
	at   string // the link, in the tree
	from string // what it leads to, in the source
}

// rel returns where an entry of the tree is below the mount's directory.
func (m *mount) rel(name string) string {
	if m == nil {
		return name
	}
	return path.Join(".", strings.TrimPrefix(name[len(m.at):], "/"))
}

// leaves reports whether the target of a link leads out of the mount by its text.
func (m *mount) leaves(name, target string) bool {
	to := path.Join(path.Dir(m.rel(name)), target)
	return !path.IsAbs(target) && (to == ".." || strings.HasPrefix(to, "../"))
}

// open opens the file or directory of the tree called name.
func (d *directory) open(m *mount, name string, flag int) (*os.File, error) {
	if m == nil {
		return d.root.OpenFile(name, openFlags|flag, 0)
	}
	return d.outer.OpenFile(path.Join(m.from, m.rel(name)), openFlags|flag, 0)
}

// readlink returns the target of a link in the source, "" for anything else.
func (d *directory) readlink(name string) (string, error) {
	st, err := d.outer.Lstat(name)
	if err != nil || st.Mode()&fs.ModeSymlink == 0 {
		return "", err
	}
	return d.outer.Readlink(name)
}

// replace stages what a link leads to that leaves what is staged, but not the source: a file, or
// a directory, which it returns. Its error is errStays for a link
// to be staged as it is.
func (w *walker) replace(m *mount, rel, target string) (*subdir, error) {
	at := path.Join(w.sub, rel)
	if m != nil {
		at = path.Join(m.from, m.rel(rel))
	}
	real, err := follow(at, target, w.readlink)
	stays := !m.leaves(rel, target) // unless what it leads to is not selected
	if err == errAbsent && stays {
		return nil, errStays
	}
	if err != nil {
		return nil, errLink(rel, target, err)
	}
	st, err := w.outer.Lstat(real)
	if err == nil && stays && takes(w.taken, real, st.IsDir()) {
		return nil, errStays
	}
	w.mu.Lock()
	w.skipped = true // the tree is not what is on disk
	w.mounts++
	over := w.mounts > maxMounts
	w.mu.Unlock()
	if over {
		return nil, errTooManyLinks(rel)
	}
	switch {
	case err != nil:
		return nil, errOpening(rel, err)
	case st.IsDir() && (real == "." || at == real || strings.HasPrefix(at, real+"/")):
		return nil, errLink(rel, target, errors.New("which has the link itself in it"))
	case !st.IsDir() && !st.Mode().IsRegular():
		return nil, errLink(rel, target, errors.New("which can't be in a slug"))
	}
	to := &mount{rel, real}
	f, err := w.open(to, rel, 0)
	if err != nil {
		return nil, errOpening(rel, err)
	}
	defer f.Close()
	var raw unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &raw); err != nil {
		return nil, errOpening(rel, err)
	}
	switch raw.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil, w.file(to, rel, &raw)
	case unix.S_IFDIR:
		in, err := w.mountScope(to)
		return &subdir{rel, statOf(&raw), in, to}, err
	}
	return nil, errChanging(rel)
}

// mountScope returns what git ignores in a directory that is staged in place of a link. One that is
// ignored itself is taken whole, because the link asks for it.
func (w *walker) mountScope(m *mount) (*scope, error) {
	if w.git == nil {
		return nil, nil
	}
	tree := findWorkTree(path.Join(w.outer.Name(), m.from), w.git.tree.env)
	if tree == nil {
		return nil, nil
	}
	tree.in = m.at + "/"
	in, err := tree.scope(w.ctx)
	if err != nil || in.tracked {
		return nil, err
	}
	return in, nil
}

// errTooManyLinks is the error for the first link above the limit.
func errTooManyLinks(name string) error {
	return errTooLarge(name, fmt.Sprintf("is one link too many out of the app's directory; %d are allowed", maxMounts))
}

// errLink is the error for a link out of the app's directory that cannot be replaced; why ends the
// sentence.
func errLink(name, target string, why error) error {
	return errRefused(name, fmt.Sprintf("is a link to %q, %v", target, why))
}

// follow returns where a link at a path leads to, without any link in it. readlink returns the target
// of a link, "" for anything else. No path leaves the source.
func follow(at, target string, readlink func(name string) (string, error)) (string, error) {
	done, rest, hops := path.Dir(at), strings.Split(target, "/"), 1
	if path.IsAbs(target) {
		return "", errors.New("an absolute path")
	}
	for len(rest) > 0 {
		part := rest[0]
		if rest = rest[1:]; part == "" || part == "." {
			continue
		}
		if part == ".." {
			if done == "." {
				return "", errors.New("which leads out of the source")
			}
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, part)
		to, err := readlink(next)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", errAbsent
		case err != nil:
			return "", err
		case path.IsAbs(to):
			return "", fmt.Errorf("which leads to %q, an absolute path", to)
		case to == "":
			done = next
			continue
		}
		if hops++; hops > maxHops {
			return "", errors.New("which goes through too many links")
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	return done, nil
}
