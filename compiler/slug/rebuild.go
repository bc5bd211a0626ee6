package slug

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"slugc/cache/digest"
	"slugc/cache/disk"
)

// ErrPart is wrapped by the error of [Rebuild.Write] for bytes that are not the part's.
var ErrPart = errors.New("the bytes are not those of the part")

// Rebuild puts a slug's file together from its parts, in any order. Its methods are safe for
// concurrent use, except for Finish and Close.
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

// NewRebuild starts to rebuild the slug with that digest as the file to, from these parts, which
// were cut by [Parts] or, if whole, by [Archives]. Until Finish it is written beside to, under a
// name that starts with [RebuildPrefix]. Close the Rebuild.
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

// RebuildPrefix starts the names of files that are being rebuilt, or that a killed process left.
const RebuildPrefix = ".rebuild-"

// Missing returns the indices of the parts that are not there yet.
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

// has reports whether the i-th part is there.
func (r *Rebuild) has(i int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done[i]
}

// Write writes the i-th part in its place. If from does not yield exactly its bytes, the part stays
// missing and the error wraps [ErrPart]. An error of from itself is returned as it is.
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

// writer marks the errors of writing, to tell them from the reader's.
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

// CopyFrom copies the missing parts that another slug holds, and returns their number and bytes. It
// reads only those of that slug's parts that have a missing part's size. What cannot be read or is
// damaged is not used.
func (r *Rebuild) CopyFrom(ctx context.Context, path string) (parts int, bytes int64) {
	layout, err := Layout(path, r.whole, r.size)
	if err != nil {
		return 0, 0
	}
	f, err := disk.OpenRegular(path)
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

// Finish checks the whole file's digest, makes the file durable and renames it to its name. If the
// digest is another, the error is a fault "slug/damaged".
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

// Close removes the file unless it is finished.
func (r *Rebuild) Close() {
	name := r.f.Name()
	r.f.Close()
	_ = os.Remove(name) // after Finish there is none
}
