package launch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"slugc/cache/disk"
	"slugc/compiler/sandbox/supervise"
)

// tmpName is the directory of an app that servers write to by convention: pid files, sockets, caches. Rails
// refuses to start where another server's pid file is.
const tmpName = "tmp"

// ownTmp makes o.Tmp the process's own copy of the app's tmp, and returns the mount that shows it there. Where
// that cannot be, variables that a config var may override name the directory.
func (o *RunOptions) ownTmp() (*supervise.Mount, error) {
	if o.Tmp == "" {
		return nil, nil
	}
	app := filepath.Join(o.Dir, filepath.FromSlash(o.Directory))
	m := &supervise.Mount{From: o.Tmp, To: filepath.Join(app, tmpName)}
	// PIDFILE is of Rails and of the configuration of Puma that Rails writes.
	for _, name := range []string{"PIDFILE", "TMPDIR"} {
		value := o.Tmp
		if name == "PIDFILE" {
			value = filepath.Join(o.Tmp, "server.pid")
		}
		if !slices.ContainsFunc(o.Env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") }) {
			m.Else = append(m.Else, name+"="+value)
		}
	}
	isDir, err := copyTmp(o.Dir, o.Directory, o.Tmp)
	if err != nil {
		return nil, fmt.Errorf("making a directory for temporary files: %w", err)
	}
	if !isDir {
		o.Env = append(slices.Clone(o.Env), m.Else...)
		return nil, nil
	}
	return m, nil
}

// copyTmp replaces own by a copy of the tmp of the app in a directory of the slug. A missing tmp is made in the
// app, for something to be mounted there; isDir is false if the app has something else of that name. It follows
// no links, and copies files, directories and links only.
func copyTmp(slug, directory, own string) (isDir bool, err error) {
	if err := errors.Join(disk.RemoveAll(own), os.MkdirAll(own, 0o755)); err != nil {
		return false, err
	}
	from, err := openApp(slug, directory)
	if err != nil {
		return false, err
	}
	defer from.Close()
	if err := from.Mkdir(tmpName, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	if info, err := from.Lstat(tmpName); err != nil || !info.IsDir() {
		return false, err
	}
	to, err := os.OpenRoot(own)
	if err != nil {
		return false, err
	}
	defer to.Close()
	err = fs.WalkDir(from.FS(), tmpName, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == tmpName {
			return err
		}
		return copyEntry(from, to, name, strings.TrimPrefix(name, tmpName+"/"), d.Type())
	})
	return true, err
}

// openApp opens the app's directory in a slug, "" for all of it. A process may have put a link there: none is
// followed out of the slug.
func openApp(slug, directory string) (*os.Root, error) {
	root, err := os.OpenRoot(slug)
	if err != nil || directory == "" {
		return root, err
	}
	defer root.Close()
	return root.OpenRoot(filepath.FromSlash(directory))
}

func copyEntry(from, to *os.Root, name, as string, kind fs.FileMode) error {
	switch {
	case kind.IsDir():
		return to.Mkdir(as, 0o755)
	case kind == fs.ModeSymlink:
		target, err := from.Readlink(name)
		if err != nil {
			return err
		}
		return to.Symlink(target, as)
	case !kind.IsRegular():
		return nil
	}
	// A running process may have put a FIFO in the file's place: wait for no writer.
	source, err := from.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	target, err := to.OpenFile(as, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// tmpOf returns a process's directory for temporary files below all of the formation's; "" if they share the
// app's.
func tmpOf(all, process string) string {
	if all == "" {
		return ""
	}
	return filepath.Join(all, process)
}
