package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// call describes a system call that works on files.
type call struct {
	name  string
	reads bool  // it changes nothing
	flags int   // the argument that has open's flags, 0 for none
	fds   []int // arguments that are descriptors of open files
	paths []path
}

// path says which arguments hold a path and the directory that it starts from, -1 for the working
// directory.
type path struct{ dir, name int }

// calls are the calls that are reported, by number. Those that only some architectures have are in a
// file of their own.
var calls = map[int]call{
	unix.SYS_OPENAT:          {name: "openat", flags: 2, paths: []path{{0, 1}}},
	unix.SYS_OPENAT2:         {name: "openat2", paths: []path{{0, 1}}},
	unix.SYS_WRITE:           {name: "write", fds: []int{0}},
	unix.SYS_WRITEV:          {name: "writev", fds: []int{0}},
	unix.SYS_PWRITE64:        {name: "pwrite64", fds: []int{0}},
	unix.SYS_COPY_FILE_RANGE: {name: "copy_file_range", fds: []int{2, 0}},
	unix.SYS_SENDFILE:        {name: "sendfile", fds: []int{0, 1}},
	unix.SYS_FSYNC:           {name: "fsync", fds: []int{0}},
	unix.SYS_FDATASYNC:       {name: "fdatasync", fds: []int{0}},
	unix.SYS_SYNCFS:          {name: "syncfs", fds: []int{0}},
	unix.SYS_FTRUNCATE:       {name: "ftruncate", fds: []int{0}},
	unix.SYS_FALLOCATE:       {name: "fallocate", fds: []int{0}},
	unix.SYS_FCHMOD:          {name: "fchmod", fds: []int{0}},
	unix.SYS_FCHMODAT:        {name: "fchmodat", paths: []path{{0, 1}}},
	unix.SYS_FCHOWNAT:        {name: "fchownat", paths: []path{{0, 1}}},
	unix.SYS_UTIMENSAT:       {name: "utimensat", paths: []path{{0, 1}}},
	unix.SYS_RENAMEAT:        {name: "renameat", paths: []path{{0, 1}, {2, 3}}},
	unix.SYS_RENAMEAT2:       {name: "renameat2", paths: []path{{0, 1}, {2, 3}}},
	unix.SYS_LINKAT:          {name: "linkat", paths: []path{{0, 1}, {2, 3}}},
	unix.SYS_SYMLINKAT:       {name: "symlinkat", paths: []path{{1, 2}}},
	unix.SYS_UNLINKAT:        {name: "unlinkat", paths: []path{{0, 1}}},
	unix.SYS_MKDIRAT:         {name: "mkdirat", paths: []path{{0, 1}}},
	unix.SYS_MKNODAT:         {name: "mknodat", paths: []path{{0, 1}}},
	unix.SYS_READ:            {name: "read", reads: true, fds: []int{0}},
	unix.SYS_PREAD64:         {name: "pread64", reads: true, fds: []int{0}},
	unix.SYS_GETDENTS64:      {name: "getdents64", reads: true, fds: []int{0}},
	unix.SYS_NEWFSTATAT:      {name: "newfstatat", reads: true, paths: []path{{0, 1}}},
	unix.SYS_READLINKAT:      {name: "readlinkat", reads: true, paths: []path{{0, 1}}},
	unix.SYS_FLOCK:           {name: "flock", reads: true, fds: []int{0}},
}

// describe returns the call's name and paths, and whether it counts: it works on a file of a disk,
// and it is one of the kinds that count.
func describe(n *notice, kinds string) (string, bool) {
	c := calls[int(n.nr)]
	if n.nr == unix.SYS_OPENAT2 {
		c.reads = openHow(n)&(unix.O_CREAT|unix.O_TRUNC) == 0
	}
	if c.flags > 0 {
		c.reads = n.args[c.flags]&(unix.O_CREAT|unix.O_TRUNC) == 0
	}
	switch kinds {
	case "all":
	case "changes":
		if c.reads {
			return "", false
		}
	default:
		if !slices.Contains(strings.Split(kinds, ","), c.name) {
			return "", false
		}
	}
	text := c.name
	for i, arg := range c.fds {
		file := link(n.tid, int32(n.args[arg]))
		if i == 0 && !onDisk(file) {
			return "", false
		}
		text += " " + file
	}
	for _, p := range c.paths {
		file := textAt(n.tid, n.args[p.name])
		if !filepath.IsAbs(file) {
			dir := int32(unix.AT_FDCWD)
			if p.dir >= 0 {
				dir = int32(n.args[p.dir])
			}
			file = filepath.Join(link(n.tid, dir), file)
		}
		if !onDisk(file) {
			return "", false
		}
		text += " " + file
	}
	return text, true
}

// openHow returns the flags of an openat2, which are in memory: struct open_how.
func openHow(n *notice) uint64 {
	var how [8]byte
	if peek(n.tid, n.args[2], how[:]) < len(how) {
		return 0
	}
	var flags uint64
	for i := range how {
		flags |= uint64(how[i]) << (8 * i)
	}
	return flags
}

// onDisk reports whether a path is that of a file, not of a pipe, a socket, a device or the kernel.
func onDisk(file string) bool {
	if !strings.HasPrefix(file, "/") || strings.HasPrefix(file, "/memfd:") {
		return false
	}
	for _, top := range []string{"/proc", "/sys", "/dev"} {
		if file == top || strings.HasPrefix(file, top+"/") && !strings.HasPrefix(file, "/dev/shm/") {
			return false
		}
	}
	return true
}

// link returns the path of a thread's open file, or of its working directory.
func link(tid uint32, fd int32) string {
	name := fmt.Sprintf("/proc/%d/fd/%d", tid, fd)
	if fd == unix.AT_FDCWD {
		name = fmt.Sprintf("/proc/%d/cwd", tid)
	}
	text, err := os.Readlink(name)
	if err != nil {
		return err.Error()
	}
	return text
}

// textAt returns the zero-terminated text at an address of a thread's memory.
func textAt(tid uint32, address uint64) string {
	buf := make([]byte, unix.PathMax)
	buf = buf[:peek(tid, address, buf)]
	if end := bytes.IndexByte(buf, 0); end >= 0 {
		buf = buf[:end]
	}
	return string(buf)
}

// peek reads a thread's memory and returns how much it got.
func peek(tid uint32, address uint64, buf []byte) int {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", tid))
	if err != nil {
		return 0
	}
	defer mem.Close()
	n, _ := mem.ReadAt(buf, int64(address)) // a text may end before a page that is not mapped
	return n
}
