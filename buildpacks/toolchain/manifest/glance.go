package manifest

import (
	"strings"

	"golang.org/x/sys/unix"
)

// glance looks at files of a tree in the order of its manifest, and keeps the directories on the way to the last
// one open, so that the kernel need not follow the path of each. It is for one goroutine.
type glance struct {
	root string
	open []openDir // each is a directory of the one before it
}

// maxOpen is how many it keeps open at most: a tree may be deeper than a process may have files open.
const maxOpen = 64

type openDir struct {
	path string
	fd   int
}

// same reports whether the file has the stat of the manifest. Where it cannot say, it reports false.
func (g *glance) same(f *file) bool {
	if f.path == "" {
		return false
	}
	dir := parent(f.path)
	fd, ok := g.dir(dir)
	if !ok {
		return false
	}
	var s unix.Stat_t
	err := unix.Fstatat(fd, strings.TrimPrefix(f.path[len(dir):], "/"), &s, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && statOf(&s) == f.stat
}

// dir opens the directory, from the nearest one on the way to it that is open.
func (g *glance) dir(path string) (int, bool) {
	for n := len(g.open); n > 0; n-- {
		if last := g.open[n-1]; last.path == path {
			return last.fd, true
		} else if last.path == "" || strings.HasPrefix(path, last.path+"/") {
			break
		}
		g.pop()
	}
	if len(g.open) == maxOpen {
		return -1, false
	}
	at, name := unix.AT_FDCWD, g.root+"/"+path
	if n := len(g.open); n > 0 {
		at, name = g.open[n-1].fd, strings.TrimPrefix(path[len(g.open[n-1].path):], "/")
	}
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, false
	}
	g.open = append(g.open, openDir{path, fd})
	return fd, true
}

func (g *glance) pop() {
	last := len(g.open) - 1
	_ = unix.Close(g.open[last].fd)
	g.open = g.open[:last]
}

func (g *glance) close() {
	for len(g.open) > 0 {
		g.pop()
	}
}
