package slug

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"
)

// all returns all segments of the slug, in the file's order.
func (m *Manifest) all() []Segment {
	list := []Segment{m.Dirs}
	for _, s := range m.Sections {
		list = append(list, s.Segments...)
	}
	return list
}

// eachSegment reads and checks the segments of an open slug and calls use with the tar bytes of
// each, which are valid during that call. With more than one worker, calls are concurrent and in
// any order; 0 workers stand for the default number.
func eachSegment(
	ctx context.Context, f *os.File, segments []Segment, workers int, use func(i int, b []byte) error,
) error {
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
	for range orDefault(workers) {
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

// eachEntry calls use with each entry of a segment that starts with a header, and its content. Only
// the last entry's content may be incomplete: it continues in the next segments.
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
			return fmt.Errorf("entry %q is not padded with zeros to whole blocks", e.path)
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

// errCut is the error for a file whose content is too short or too long.
var errCut = errors.New("the content of a file does not end where it should")
