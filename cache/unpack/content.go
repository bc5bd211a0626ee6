package unpack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// buffer is how much is copied at once when the kernel cannot do it.
const buffer = 64 << 10

// file writes a regular file; see [Writer.File].
func (w *Writer) file(name string, mode fs.FileMode, size int64, r io.Reader) error {
	if err := w.reserve(name, size); err != nil {
		return err
	}
	if err := w.create(name); err != nil {
		return err
	}
	f, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return exists(name, "writing", err)
	}
	err = w.fill(f, name, size, r)
	if err == nil {
		perm := fs.FileMode(0o644)
		if mode&0o100 != 0 {
			perm = 0o755
		}
		// OpenFile applies the umask.
		err = f.Chmod(perm)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		w.root.Remove(name) // it is incomplete
		if _, ok := errors.AsType[*Refusal](err); ok {
			return err
		}
		return fmt.Errorf("writing %q: %w", shorten(name), err)
	}
	w.files.Add(1)
	return nil
}

// reserve counts size bytes against the limit before they are read.
func (w *Writer) reserve(name string, size int64) error {
	if size <= 0 {
		return nil
	}
	limit := w.o.Limits.Bytes
	// The first comparison keeps a declared size of 8 EiB from overflowing the sum.
	if size > limit || w.bytes.Add(size) > limit {
		return w.errTooMuch(name)
	}
	return nil
}

// errTooMuch is the error for content above the limit.
func (w *Writer) errTooMuch(name string) error {
	return tooLarge(name, "brings the content above %s, the limit", Size(w.o.Limits.Bytes))
}

// fill copies the content and checks that it has the announced size, if there is one.
func (w *Writer) fill(f *os.File, name string, size int64, r io.Reader) error {
	if size < 0 {
		_, err := io.CopyBuffer(onlyWriter{f}, &meter{w: w, r: r, name: name, reserve: true}, make([]byte, buffer))
		return err
	}
	if size > 0 {
		if err := w.copy(f, name, size, r); err != nil {
			return err
		}
	}
	var more [1]byte
	switch n, err := io.ReadFull(r, more[:]); {
	case n > 0:
		return fmt.Errorf("%w: more content than the %d bytes announced", ErrDamaged, size)
	case err != io.EOF:
		return err
	}
	return nil
}

func (w *Writer) copy(f *os.File, name string, size int64, r io.Reader) error {
	var n int64
	var err error
	if _, ok := r.(*os.File); ok {
		// Between files, io.Copy uses copy_file_range, which shares extents if the file system can.
		n, err = io.Copy(f, io.LimitReader(r, size))
		w.countWritten(n)
	} else {
		m := &meter{w: w, r: io.LimitReader(r, size), name: name}
		n, err = io.CopyBuffer(onlyWriter{f}, m, make([]byte, min(size, buffer)))
	}
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// countWritten adds to the bytes written, and reports progress.
func (w *Writer) countWritten(n int64) {
	total := w.written.Add(n)
	if w.o.Progress != nil && n > 0 {
		w.o.Progress(total)
	}
}

// onlyWriter hides ReadFrom, so that [io.CopyBuffer] uses its buffer.
type onlyWriter struct{ io.Writer }

// meter counts what is read. For content of unknown size it also checks the limit.
type meter struct {
	w       *Writer
	r       io.Reader
	name    string
	reserve bool
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.w.countWritten(int64(n))
	if m.reserve && m.w.bytes.Add(int64(n)) > m.w.o.Limits.Bytes {
		return 0, m.w.errTooMuch(m.name)
	}
	return n, err
}

// times sets a modification time: at once, or for a directory when nothing more is written into it.
func (w *Writer) times(name string, dir bool, t time.Time) error {
	// Not every file system can store times outside this range.
	if t.Unix() < 0 {
		t = time.Unix(0, 0)
	} else if t.Unix() > 1<<32-1 {
		t = time.Unix(1<<32-1, 0)
	}
	if dir {
		w.mu.Lock()
		w.dirTimes[name] = t
		w.mu.Unlock()
		return nil
	}
	if err := w.root.Chtimes(name, t, t); err != nil {
		return fmt.Errorf("setting the time of %q: %w", shorten(name), err)
	}
	return nil
}

// setDirTimes sets the times of directories.
func (w *Writer) setDirTimes() error {
	for name, t := range w.dirTimes {
		if err := w.root.Chtimes(name, t, t); err != nil {
			return fmt.Errorf("setting the time of %q: %w", shorten(name), err)
		}
	}
	return nil
}

// Size formats a number of bytes for people: "1 GiB", "512 MiB", "4,096 bytes" where no unit fits.
func Size(n int64) string {
	for i, unit := range []string{"GiB", "MiB", "KiB"} {
		if one := int64(1) << (30 - 10*i); n >= one && n%one == 0 {
			return fmt.Sprintf("%d %s", n/one, unit)
		}
	}
	digits := fmt.Sprint(n)
	var groups []string
	for len(digits) > 3 {
		groups = append(groups, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	groups = append(groups, digits)
	slices.Reverse(groups)
	return strings.Join(groups, ",") + " bytes"
}
