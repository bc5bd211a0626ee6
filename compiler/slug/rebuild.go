package slug

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slugc/cache/digest"
	"slugc/cache/disk"
	"sync"
)

// ErrPart is what [Rebuild.Write] fails with when the bytes given are not the part's.
var ErrPart = errors.New("the bytes are not those of the part")

// Rebuild puts a slug's file together from its parts, in any order. Its methods are safe for
// concurrent use, but for Finish and Close.
type Rebuild struct {
	to     string
	digest digest.Digest
	parts  []Part
	size   int64
	whole  bool
	f      *os.File

	mu   sync.Mutex
	done []bool
}

// NewRebuild begins the file `to`, which is to have that digest and to consist of the parts, cut as
// [Layout] does with whole. It is written beside, under a name that begins with RebuildPrefix,
// until it is finished.
func NewRebuild(to string, sum digest.Digest, parts []Part, whole bool) (*Rebuild, error) {
	r := &Rebuild{to: to, digest: sum, parts: parts, whole: whole, done: make([]bool, len(parts))}
	for _, p := range parts {
		if _, err := digest.Parse(string(p.Digest)); err != nil || p.Offset != r.size || p.Size <= 0 {
			return nil, fmt.Errorf("rebuilding slug %s: its parts do not lie end to end", sum)
		}
		r.size += p.Size
	}
	f, err := os.CreateTemp(filepath.Dir(to), RebuildPrefix+"*")
	if err != nil {
		return nil, writeFault(to, err)
	}
	r.f = f
	return r, nil
}

// RebuildPrefix begins the names of files that are being rebuilt, or were when the process was
// killed.
const RebuildPrefix = ".rebuild-"

// Missing gives the indices of the parts that are not there yet.
func (r *Rebuild) Missing() (list []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, done := range r.done {
		if !done {
			list = append(list, i)
		}
	}
	return list
}

// has says whether the i-th part is there.
func (r *Rebuild) has(i int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done[i]
}

// Write puts the i-th part in its place. The reader must give its bytes and no more: if not, the
// part stays missing and the error wraps [ErrPart]. The reader's own error is wrapped too.
func (r *Rebuild) Write(i int, from io.Reader) error {
	p, h := r.parts[i], sha256.New()
	w := io.MultiWriter(h, writer{r.to, io.NewOffsetWriter(r.f, p.Offset)})
	if _, err := io.CopyN(w, from, p.Size); errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: there are too few", ErrPart)
	} else if err != nil {
		return err
	}
	var more [1]byte
	if n, err := io.ReadFull(from, more[:]); n > 0 {
		return fmt.Errorf("%w: there are too many", ErrPart)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	if is := digest.Sum(h); is != p.Digest {
		return fmt.Errorf("%w: their digest is %s, not %s", ErrPart, is, p.Digest)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done[i] = true
	return nil
}

// writer marks the errors of writing, which are not the reader's.
type writer struct {
	name string
	to   io.Writer
}

func (w writer) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	if err != nil {
		err = writeFault(w.name, err)
	}
	return n, err
}

// Take puts in what missing parts another slug holds, and says how many and of how many bytes. Of
// that slug only candidates are read, those of a missing part's size; whatever cannot be read or is
// damaged is not used.
func (r *Rebuild) Take(ctx context.Context, path string) (parts int, bytes int64) {
	layout, err := Layout(path, r.whole, r.size)
	if err != nil {
		return 0, 0
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	sizes := map[int64][]int{}
	for _, i := range r.Missing() {
		sizes[r.parts[i].Size] = append(sizes[r.parts[i].Size], i)
	}
	for _, p := range layout {
		if len(sizes[p.Size]) == 0 || ctx.Err() != nil {
			continue
		}
		is, _, err := digest.Read(io.NewSectionReader(f, p.Offset, p.Size))
		if err != nil {
			continue
		}
		for _, i := range sizes[p.Size] {
			if r.parts[i].Digest == is && !r.has(i) && r.Write(i, io.NewSectionReader(f, p.Offset, p.Size)) == nil {
				parts, bytes = parts+1, bytes+p.Size
			}
		}
	}
	return parts, bytes
}

// Finish checks the whole file's digest, makes it durable and gives it its name. A file that is not
// what it should be is a fault of id "slug/damaged".
func (r *Rebuild) Finish(ctx context.Context) error {
	if missing := len(r.Missing()); missing > 0 {
		return fmt.Errorf("rebuilding slug %s: %d parts are missing", r.digest, missing)
	}
	if err := verifyDigest(ctx, r.f, r.size, r.digest); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errDamaged(r.to, err)
	}
	if err := errors.Join(r.f.Chmod(0o644), r.f.Sync()); err != nil {
		return writeFault(r.to, err)
	}
	if err := os.Rename(r.f.Name(), r.to); err != nil {
		return writeFault(r.to, err)
	}
	return disk.SyncDir(filepath.Dir(r.to))
}

// Close removes what is not finished.
func (r *Rebuild) Close() {
	name := r.f.Name()
	r.f.Close()
	_ = os.Remove(name) // after Finish there is none
}
