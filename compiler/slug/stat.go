package slug

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
)

// stat is compared to find out whether a file has changed, without reading it. A program cannot set
// the change time, so a file that was rewritten shows even if its modification time was restored.
type stat struct {
	dev, ino     uint64
	mode         uint32
	size         int64
	mtime, ctime int64 // nanoseconds
}

// statOf takes the fields from the kernel's.
func statOf(s *unix.Stat_t) stat {
	return stat{
		dev: uint64(s.Dev), ino: s.Ino, mode: s.Mode, size: s.Size,
		mtime: s.Mtim.Nano(), ctime: s.Ctim.Nano(),
	}
}

// A change time counts only if it lies this far before the scan: a file can change twice within one
// tick of its file system's clock, with the same times. The wide margin is for file systems with
// times of whole milliseconds or coarser.
const (
	fineMargin   = int64(100 * time.Millisecond)
	coarseMargin = int64(2 * time.Second)
)

// settled reports whether any change after the scan shows in the file's times.
func (s stat) settled(scanned int64) bool {
	margin := fineMargin
	if s.ctime%int64(time.Millisecond) == 0 {
		margin = coarseMargin
	}
	return s.ctime < scanned-margin
}

// fingerprint writes to h everything that decides the entry's tar bytes, except for its content.
func (e entry) fingerprint(h hash.Hash) {
	b := make([]byte, 0, 128)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(e.path)))
	b = append(b, e.path...)
	b = append(b, e.kind)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(e.link)))
	b = append(b, e.link...)
	s := e.stat
	for _, n := range []uint64{s.dev, s.ino, uint64(s.mode), uint64(e.size), uint64(s.mtime), uint64(s.ctime)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	h.Write(b)
}

// open opens the section's regular file at p, which must still have the stat want.
func (s placement) open(p string, want stat) (int, error) {
	fd, err := s.within.OpenFd(s.place(p), unix.O_RDONLY)
	if reason := beneath.Reason(err); errors.Is(reason, unix.ENOENT) || errors.Is(reason, beneath.ErrLink) {
		return -1, errChanged(s.host(p))
	} else if err != nil {
		return -1, s.fail("opening", p, err)
	}
	if err := unchanged(fd, s.host(p), want); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// unchanged returns an error if the open file no longer has the stat want.
func unchanged(fd int, name string, want stat) error {
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return fmt.Errorf("examining %q: %w", name, err)
	}
	if statOf(&s) != want {
		return errChanged(name)
	}
	return nil
}

// readAt fills b from the open file at the offset.
func readAt(fd int, name string, b []byte, offset int64) error {
	for len(b) > 0 {
		n, err := retry(func() (int, error) { return unix.Pread(fd, b, offset) })
		if err != nil {
			return fmt.Errorf("reading %q: %w", name, err)
		}
		if n == 0 {
			return errChanged(name)
		}
		b, offset = b[n:], offset+int64(n)
	}
	return nil
}

// retry repeats a system call while signals interrupt it.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
