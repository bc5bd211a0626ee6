package digest

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"slugc/cache/disk"
)

// Known remembers in a file which digests files had, by what stat(2) said of them: a file whose stat is the same
// has not been written to, because a program cannot set the change time. Many goroutines and processes may use
// it; of what two note at the same time, one may be lost. A nil Known remembers nothing.
type Known struct{ path string }

// NewKnown returns what the file at path remembers. It is written when there is something to remember.
func NewKnown(path string) *Known { return &Known{path} }

// knownFile is one file that was hashed.
type knownFile struct {
	Dev   uint64 `json:"dev"`
	Ino   uint64 `json:"ino"`
	Size  int64  `json:"size"`
	Mtime int64  `json:"mtime"` // nanoseconds
	Ctime int64  `json:"ctime"`
	Noted int64  `json:"noted"`
	Made  bool   `json:"made,omitempty"` // by this program
}

// maxKnown bounds how many files are remembered, the latest.
const maxKnown = 256

// settled is how long before its hashing a file must have changed last: the clocks of file systems are coarse, so
// a change directly after the hashing might not show.
const settled = 2 * time.Second

// File returns the digest of a file, which is expected to be want. Only that of a file that is not known to have
// that one is computed.
func (k *Known) File(path string, want Digest) (Digest, error) {
	if k != nil && k.knows(path, want) {
		return want, nil
	}
	began := time.Now()
	before, err := statKnown(path)
	if err != nil {
		before = knownFile{}
	}
	is, _, err := File(path)
	if err != nil || k == nil || is != want {
		return is, err
	}
	if after, err := statKnown(path); err == nil && after == before && after.Ctime < began.Add(-settled).UnixNano() {
		k.note(is, after)
	}
	return is, nil
}

// Made notes that this program has made the file, whose digest is d: nobody else has written to it.
func (k *Known) Made(path string, d Digest) {
	if f, err := statKnown(path); k != nil && err == nil {
		f.Made = true
		k.note(d, f)
	}
}

// IsMade reports whether the file is one that [Known.Made] was told of, and as it was then.
func (k *Known) IsMade(path string) bool {
	if k == nil {
		return false
	}
	is, err := statKnown(path)
	return err == nil && slices.ContainsFunc(slices.Collect(maps.Values(k.read())), func(f knownFile) bool {
		made := f.Made
		f.Noted, f.Made = 0, false
		return made && f == is
	})
}

func (k *Known) knows(path string, d Digest) bool {
	f, noted := k.read()[d]
	is, err := statKnown(path)
	f.Noted, f.Made = 0, false
	return noted && err == nil && f == is
}

// read returns the files that are known, none if that cannot be read.
func (k *Known) read() map[Digest]knownFile {
	all := map[Digest]knownFile{}
	text, err := disk.ReadRegular(k.path, 1<<20)
	if err != nil || json.Unmarshal(text, &all) != nil {
		return map[Digest]knownFile{}
	}
	return all
}

// note remembers a file. What cannot be written is computed again.
func (k *Known) note(d Digest, f knownFile) {
	all := k.read()
	f.Noted = time.Now().UnixNano()
	all[d] = f
	byAge := slices.SortedFunc(maps.Keys(all), func(a, b Digest) int { return int(all[b].Noted - all[a].Noted) })
	for _, old := range byAge[min(len(byAge), maxKnown):] {
		delete(all, old)
	}
	if text, err := json.Marshal(all); err == nil {
		_ = disk.WriteFile(k.path, text, 0o600)
	}
}

func statKnown(path string) (knownFile, error) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return knownFile{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return knownFile{
		Dev: uint64(s.Dev), Ino: s.Ino, Size: s.Size, Mtime: s.Mtim.Nano(), Ctime: s.Ctim.Nano(),
	}, nil
}
