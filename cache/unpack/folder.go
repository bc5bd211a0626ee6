package unpack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Folder is an open directory of a [Writer]: many files are written there without looking up its path for each.
// It is for one goroutine. Close it.
type Folder struct {
	w    *Writer
	name string // after place; "." for the root
	dir  *os.File
	fd   int // of dir
	text []byte
}

// smallFile is the size in bytes up to which a file is read and written at once, which costs less than to let the
// kernel copy it.
const smallFile = buffer

// Folder makes the directory and its parents, unless it exists, and opens it. The name "." is the root.
func (w *Writer) Folder(name string) (*Folder, error) {
	placed, err := w.place(name)
	if err != nil {
		return nil, err
	}
	f := &Folder{w: w, name: path.Join(".", placed)}
	if err := w.dir(f.name); err != nil {
		return nil, err
	}
	if f.dir, err = w.root.OpenFile(f.name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0); err != nil {
		return nil, fmt.Errorf("opening directory %q: %w", shorten(f.name), err)
	}
	f.fd = int(f.dir.Fd())
	return f, nil
}

// Close closes the directory.
func (f *Folder) Close() error { return f.dir.Close() }

// Copy makes the regular file of that name from the first size bytes of src, which is at its start, with mode 0755
// if mode has the owner's x bit and 0644 otherwise. What is read also goes to seen, unless that is nil.
func (f *Folder) Copy(base string, mode fs.FileMode, size int64, src int, seen io.Writer) error {
	name := path.Join(f.name, base)
	if refusal := f.check(name, base); refusal != nil {
		return refusal
	}
	if err := f.w.reserve(name, size); err != nil {
		return err
	}
	if err := f.w.count(name); err != nil {
		return err
	}
	fd, err := again(func() (int, error) {
		return unix.Openat(f.fd, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	})
	if err != nil {
		return exists(name, "writing", err)
	}
	err = f.fill(fd, size, src, seen)
	if err == nil {
		perm := uint32(0o644)
		if mode&0o100 != 0 {
			perm = 0o755
		}
		err = unix.Fchmod(fd, perm)
	}
	if closeErr := unix.Close(fd); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = unix.Unlinkat(f.fd, base, 0) // it is incomplete
		return fmt.Errorf("writing %q: %w", shorten(name), err)
	}
	f.w.files.Add(1)
	f.w.countWritten(size)
	return nil
}

// check refuses a name that this directory cannot have.
func (f *Folder) check(name, base string) error {
	clean, refusal := f.w.o.Limits.clean(name)
	if refusal != nil {
		return refusal
	}
	if clean != name || base != path.Base(name) {
		return refuse(name, "is not a name in %q", shorten(f.name))
	}
	return nil
}

// fill copies size bytes.
func (f *Folder) fill(fd int, size int64, src int, seen io.Writer) error {
	if size > smallFile && seen == nil {
		return kernelCopy(fd, src, size)
	}
	if f.text == nil && size > 0 {
		f.text = make([]byte, smallFile)
	}
	for size > 0 {
		n, err := again(func() (int, error) { return unix.Read(src, f.text[:min(size, smallFile)]) })
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && seen != nil {
			_, err = seen.Write(f.text[:n])
		}
		for done, k := 0, 0; err == nil && done < n; done += k {
			k, err = again(func() (int, error) { return unix.Write(fd, f.text[done:n]) })
		}
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

// kernelCopy lets the kernel copy, which shares what the file system can share (copy_file_range(2)).
func kernelCopy(to, from int, size int64) error {
	var files [2]*os.File
	for i, fd := range []int{to, from} {
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return err
		}
		files[i] = os.NewFile(uintptr(own), "file")
		defer files[i].Close()
	}
	n, err := io.Copy(files[0], io.LimitReader(files[1], size))
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// again repeats a system call while signals interrupt it.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
