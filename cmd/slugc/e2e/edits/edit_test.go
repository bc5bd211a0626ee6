package edits_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"slugc/cache/digest"
)

// edit is one thing that happens to an app. It says all itself, so that a list of edits can be played again with some
// of them left out. An edit that has nothing to work on does nothing.
type edit struct {
	op   string // a key of edits, "checkout", "config" or "build"
	path string // slash-separated, in the source
	arg  string
	tree tree // of a checkout
}

func (e edit) String() string {
	if arg := e.arg; len(arg) > 600 {
		e.arg = fmt.Sprintf("%.100s… (%d bytes)", arg, len(arg))
	}
	if e.op == "checkout" {
		return fmt.Sprintf("checkout of %d files", len(e.tree))
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %q", e.op, e.path, e.arg))
}

// edits are those of the source's files, by name. They get a file's path on disk, the source's and the argument.
var edits = map[string]func(path, source, arg string) error{
	"write": func(path, _, arg string) error { return write(path, arg) },
	// Size and modification time stay, and with "moved" another file takes its place.
	"forge": forge,
	"append": func(path, _, arg string) error {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(arg)
		return err
	},
	"cut":    func(path, _, _ string) error { return os.Truncate(path, 3) },
	"remove": func(path, _, _ string) error { return os.RemoveAll(path) },
	"rename": func(path, source, arg string) error { return place(path, filepath.Join(source, arg), os.Rename) },
	"hard":   func(path, source, arg string) error { return place(path, filepath.Join(source, arg), os.Link) },
	"swap":   swap,
	"chmod": func(path, _, arg string) error {
		mode, err := strconv.ParseUint(arg, 8, 32)
		if err != nil {
			return err
		}
		return os.Chmod(path, fs.FileMode(mode))
	},
	"link": func(path, _, arg string) error {
		return place(arg, path, os.Symlink)
	},
	"mkdir": func(path, _, _ string) error { return clear(path, true) },
	"times": func(path, _, arg string) error {
		seconds, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return err
		}
		return os.Chtimes(path, time.Unix(seconds, 0), time.Unix(seconds, 5))
	},
}

// clear makes a path free, whatever is there or is a file above it. dir makes it a directory.
func clear(path string, dir bool) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	above := filepath.Dir(path)
	for at := above; ; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err == nil && info.IsDir() {
			break
		}
		if err == nil {
			if err := os.Remove(at); err != nil {
				return err
			}
		}
	}
	if dir {
		above = path
	}
	return os.MkdirAll(above, 0o755)
}

// write writes a file in place, or makes it.
func write(path, content string) error {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		if err := clear(path, false); err != nil {
			return err
		}
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

// place clears the way for to and puts from there.
func place(from, to string, put func(from, to string) error) error {
	if from == to || strings.HasPrefix(to, from+"/") || strings.HasPrefix(from, to+"/") {
		return nil
	}
	if _, err := os.Lstat(from); err != nil && filepath.IsAbs(from) {
		return err
	}
	if err := clear(to, false); err != nil {
		return err
	}
	return put(from, to)
}

// forge changes a byte of a file and leaves size and modification time as they were.
func forge(path, _, arg string) error {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[len(data)/2] = 'A' + (data[len(data)/2]+1)%26
	to := path
	if arg == "moved" {
		to += ".new"
	}
	if err := os.WriteFile(to, data, info.Mode().Perm()); err != nil {
		return err
	}
	if err := os.Chtimes(to, info.ModTime(), info.ModTime()); err != nil {
		return err
	}
	return os.Rename(to, path)
}

// swap lets two files change names.
func swap(path, source, arg string) error {
	other := filepath.Join(source, arg)
	for _, one := range []string{path, other} {
		if info, err := os.Lstat(one); err != nil || !info.Mode().IsRegular() {
			return err
		}
	}
	if path == other {
		return nil
	}
	for _, move := range [][2]string{{path, path + ".aside"}, {other, path}, {path + ".aside", other}} {
		if err := os.Rename(move[0], move[1]); err != nil {
			return err
		}
	}
	return nil
}

// tree is what a source holds, by slash-separated path.
type tree map[string]node

// node is a file, a link or a directory.
type node struct {
	mode    fs.FileMode
	content string // or a link's target
}

// key names all that a tree holds.
func (t tree) key() string {
	h := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(h, "%q %v %d ", path, t[path].mode, len(t[path].content))
		io.WriteString(h, t[path].content)
	}
	return digest.Sum(h).Hex()
}

// readTree reads a source.
func readTree(dir string) (tree, error) {
	found := tree{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n := node{mode: info.Mode()}
		switch {
		case info.Mode().IsRegular():
			var data []byte
			data, err = os.ReadFile(path)
			n.content = string(data)
		case info.Mode()&fs.ModeSymlink != 0:
			n.content, err = os.Readlink(path)
		}
		rel, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(rel)] = n
		return err
	})
	return found, err
}

// checkout makes a source hold a tree again, and as git does touches only what differs.
func (want tree) checkout(dir string) error {
	have, err := readTree(dir)
	if err != nil {
		return err
	}
	for rel, n := range have {
		if want[rel] != n && (!n.mode.IsDir() || !want[rel].mode.IsDir()) {
			if err := os.RemoveAll(filepath.Join(dir, rel)); err != nil {
				return err
			}
		}
	}
	for rel, n := range want {
		path := filepath.Join(dir, rel)
		if _, err := os.Lstat(path); err == nil && have[rel] == n {
			continue
		}
		switch {
		case n.mode.IsDir():
			err = os.MkdirAll(path, 0o755)
		case n.mode&fs.ModeSymlink != 0:
			err = place(n.content, path, os.Symlink)
		default:
			err = write(path, n.content)
		}
		if err == nil && n.mode&fs.ModeSymlink == 0 {
			err = os.Chmod(path, n.mode.Perm())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
