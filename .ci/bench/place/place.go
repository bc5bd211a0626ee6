// Package place makes the directory that a benchmark works in: in memory, where one is given, or on an
// XFS of its own. Files made again after many were deleted cost ten times as much on ext4 without a
// journal, for minutes, so the disk of a machine is seldom a good place.
package place

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Memory is the directory of a tmpfs that every Linux has.
const Memory = "/dev/shm"

// XFS asks for a loop-mounted XFS.
const XFS = "xfs"

// imageSize is the size of the image of an XFS, of which only what is used takes space.
const imageSize = "16G"

// Place is a directory, and how it is removed.
type Place struct {
	Dir  string
	Kind string // "tmpfs", "xfs on a loop device", …
	undo []func() error
}

// Make makes an empty directory below the directory where, or on an XFS if where is "xfs".
func Make(where string) (Place, error) {
	if where == XFS {
		return makeXFS()
	}
	dir, err := os.MkdirTemp(where, "slugc-bench-*")
	if err != nil {
		return Place{}, err
	}
	return Place{dir, fileSystem(dir), []func() error{func() error { return removeAll(dir) }}}, nil
}

// Remove removes the directory, and unmounts the XFS.
func (p Place) Remove() (err error) {
	for i := len(p.undo) - 1; i >= 0; i-- {
		err = errors.Join(err, p.undo[i]())
	}
	return err
}

// MissingForXFS says what an XFS needs and this machine has not, "" if nothing.
func MissingForXFS() string { return missing(os.Geteuid(), exec.LookPath) }

func missing(uid int, look func(string) (string, error)) string {
	var list []string
	if uid != 0 {
		list = append(list, "root, to mount it")
	}
	for _, tool := range []struct{ name, pkg string }{{"mkfs.xfs", "xfsprogs"}, {"mount", "mount"}} {
		if _, err := look(tool.name); err == nil {
			continue
		}
		if _, err := look("/usr/sbin/" + tool.name); err != nil {
			list = append(list, fmt.Sprintf("%s (apt-get install %s)", tool.name, tool.pkg))
		}
	}
	return strings.Join(list, ", and ")
}

func makeXFS() (p Place, err error) {
	if what := MissingForXFS(); what != "" {
		return p, fmt.Errorf("an XFS needs %s", what)
	}
	base, err := os.MkdirTemp("", "slugc-bench-*")
	if err != nil {
		return p, err
	}
	p.undo = append(p.undo, func() error { return removeAll(base) })
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Remove())
		}
	}()
	image, dir := filepath.Join(base, "image"), filepath.Join(base, "xfs")
	const script = `set -e
PATH=$PATH:/usr/sbin:/sbin
truncate -s "$1" "$2"
mkfs.xfs -q -m reflink=1 "$2"
mkdir "$3"
mount -o loop "$2" "$3"`
	if out, err := exec.Command("sh", "-c", script, "sh", imageSize, image, dir).CombinedOutput(); err != nil {
		return p, fmt.Errorf("making an XFS: %w\n%s", err, out)
	}
	p.undo = append(p.undo, func() error {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			return fmt.Errorf("unmounting %s: %w\n%s", dir, err, out)
		}
		return nil
	})
	p.Dir, p.Kind = filepath.Join(dir, "work"), "XFS with reflink on a loop device, image on "+fileSystem(base)
	return p, os.Mkdir(p.Dir, 0o755)
}

// removeAll removes a tree, directories that may not be written included, as Go's module cache has them.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = exec.Command("chmod", "-R", "u+w", dir).Run()
	return os.RemoveAll(dir)
}

// kinds are names of file systems by their number (statfs(2)).
var kinds = map[int64]string{
	0x01021994: "tmpfs", 0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x794c7630: "overlay",
}

func fileSystem(dir string) string {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return "an unknown file system"
	}
	if kind := kinds[int64(stat.Type)]; kind != "" {
		return kind
	}
	return fmt.Sprintf("a file system of type %#x", stat.Type)
}
