package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// check returns an error for a spec that cannot be run, or that would run as something else than it says.
func (s Spec) check(level Level) error {
	if len(s.Args) == 0 || !filepath.IsAbs(s.Args[0]) {
		return fmt.Errorf("running %q: the program is not an absolute path", s.Args)
	}
	if !clean(s.Dir) {
		return fmt.Errorf("running %q: the working directory %q is not a clean absolute path", s.Args[0], s.Dir)
	}
	for _, arg := range s.Args {
		if strings.ContainsRune(arg, 0) {
			return fmt.Errorf("running %q: an argument has a NUL character", s.Args[0])
		}
	}
	for _, entry := range s.Env {
		name, _, found := strings.Cut(entry, "=")
		if !found || name == "" || strings.ContainsRune(entry, 0) {
			// The value may be a secret, so the error has the name only.
			return fmt.Errorf("running %q: the environment entry %q is not a name and a value", s.Args[0], name)
		}
	}
	for i, bind := range s.Binds {
		if err := bind.check(level, s.Binds[:i]); err != nil {
			return fmt.Errorf("running %q: binding %q to %q: %w", s.Args[0], bind.Host, bind.Inside, err)
		}
	}
	return nil
}

// writable returns the host's directories that the child may write.
func (s Spec) writable() (dirs []string) {
	for _, bind := range s.Binds {
		if bind.Writable {
			dirs = append(dirs, bind.Host)
		}
	}
	return dirs
}

// check returns an error for a bind that hides the sandbox's own directories, or whose place a link in
// an earlier bind could move elsewhere.
func (b Bind) check(level Level, earlier []Bind) error {
	if !clean(b.Host) || !clean(b.Inside) {
		return errors.New("not clean absolute paths")
	}
	info, err := os.Lstat(b.Host)
	if err != nil {
		return err
	}
	if b.Writable && info.Mode()&os.ModeSymlink != 0 {
		return errors.New("a writable bind may not be a symbolic link")
	}
	if level != Bubblewrap {
		return nil
	}
	for _, dir := range append([]string{"/proc", "/dev"}, systemDirs...) {
		if within(b.Inside, dir) && !b.insideAny(earlier) {
			return fmt.Errorf("%s belongs to the system", dir)
		}
	}
	if b.Inside == "/" {
		return errors.New("the root belongs to the system")
	}
	for i := len(earlier) - 1; i >= 0; i-- {
		if within(b.Inside, earlier[i].Inside) {
			return noLinks(earlier[i].Host, strings.TrimPrefix(b.Inside, earlier[i].Inside))
		}
	}
	return nil
}

// withoutShown returns the binds without those of what every child sees there anyway: Go in /usr/local/go, or
// slugc itself in /usr/bin.
func withoutShown(binds []Bind) []Bind {
	return slices.DeleteFunc(slices.Clone(binds), func(b Bind) bool {
		return !b.Writable && b.Host == b.Inside && shown(b.Host)
	})
}

// shown reports whether every child sees a path of the system, links on the way included.
func shown(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	return err == nil && inSystem(path) && inSystem(real)
}

func inSystem(path string) bool {
	return slices.ContainsFunc(systemDirs, func(dir string) bool { return path != dir && within(path, dir) })
}

func (b Bind) insideAny(earlier []Bind) bool {
	for _, e := range earlier {
		if within(b.Inside, e.Inside) {
			return true
		}
	}
	return false
}

// noLinks returns an error for a symbolic link on the path rest below root: a mount would follow it.
func noLinks(root, rest string) error {
	path := root
	for _, name := range strings.Split(strings.Trim(rest, "/"), "/") {
		path = filepath.Join(path, name)
		info, err := os.Lstat(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if info.Mode()&os.ModeSymlink != 0 {
			return fmt.Errorf("%q is a symbolic link", path)
		}
	}
	return nil
}

func clean(path string) bool { return filepath.IsAbs(path) && filepath.Clean(path) == path }
