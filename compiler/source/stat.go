package source

import (
	"crypto/sha256"
	"hash"
	"io"
	"os"
	"slugc/cache/unpack"
	"time"

	"golang.org/x/sys/unix"
)

// stat is compared to find out whether a file has changed. A program cannot set the change time, so
// that time shows every change.
type stat struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64 // nanoseconds since 1970
	mode         uint32
}

func statOf(st *unix.Stat_t) stat {
	return stat{
		dev:   uint64(st.Dev),
		ino:   st.Ino,
		size:  st.Size,
		mtime: st.Mtim.Nano(),
		ctime: st.Ctim.Nano(),
		mode:  st.Mode,
	}
}

func statFile(f *os.File) (stat, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return stat{}, err
	}
	return statOf(&st), nil
}

// settled reports whether any change after the file was hashed shows in its times. The clocks of
// file systems are coarse, so a change directly after the hashing may have the same time. A time in
// the future proves nothing.
func (s stat) settled(hashed time.Time) bool {
	return max(s.mtime, s.ctime) < hashed.Add(-margin).UnixNano()
}

// hasher is a sha256 whose result is a sum.
type hasher struct{ hash.Hash }

func newHash() hasher { return hasher{sha256.New()} }

func (h hasher) sum() (s sum) {
	h.Sum(s[:0])
	return s
}

// writeHashed writes a file and checks that its content has the sum of e.
func writeHashed(w *unpack.Writer, e entry, r io.Reader) error {
	h := newHash()
	err := w.File(e.path, e.mode(), e.size, io.TeeReader(r, h))
	if err == nil && h.sum() != e.sum {
		err = errChanging(e.path)
	}
	return err
}
