package slug

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// all gives the slug's segments but the tail, in the file's order.
func (m *Manifest) all() []Segment {
	list := []Segment{m.Dirs}
	for _, s := range m.Sections {
		list = append(list, s.Segments...)
	}
	return list
}

// eachSegment reads, checks and gives the segments of an open slug, several at once if workers is
// not 1 (0 stands for one a processor). The bytes are valid during the call.
func eachSegment(
	ctx context.Context,
	f *os.File,
	segments []Segment,
	workers int,
	use func(i int, b []byte) error,
) error {
	if workers <= 0 {
		workers = min(runtime.GOMAXPROCS(0), maxDefaultWorkers)
	}
	group, ctx := errgroup.WithContext(ctx)
	next := make(chan int)
	group.Go(func() error {
		defer close(next)
		for i := range segments {
			select {
			case next <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range workers {
		group.Go(func() error {
			var in inflater
			for i := range next {
				b, err := in.read(f, segments[i])
				if err == nil {
					err = use(i, b)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// eachEntry gives the entries of a segment that begins with a header, with their content. Only the
// last one's may be cut short: it goes on in the next segments.
func eachEntry(b []byte, use func(e entry, content []byte) error) error {
	for len(b) > 0 {
		e, n, err := readHeader(b)
		if err != nil {
			return err
		}
		b = b[n:]
		have := min(e.size, int64(len(b)))
		if err := use(e, b[:have]); err != nil {
			return err
		}
		if have < e.size {
			return nil
		}
		pad := padded(e.size)
		if pad > int64(len(b)) || !zero(b[e.size:pad]) {
			return fmt.Errorf("entry %q is not padded as it should be", e.path)
		}
		b = b[pad:]
	}
	return nil
}

// zero reports whether all bytes are zero.
func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// errCut says that a file's content is not all there, or more than that.
var errCut = errors.New("the content of a file does not end where it should")
