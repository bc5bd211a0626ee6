package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// Poll is how often Follow looks for more.
const Poll = 200 * time.Millisecond

// Reader reads an app's logs.
type Reader struct {
	dir  string
	want func(Record) bool
	file *os.File // the one being read
	rest []byte   // of it, a line without end
}

// NewReader returns a reader of the records in dir that want accepts; nil accepts all. A directory
// that is not there has none.
func NewReader(dir string, want func(Record) bool) *Reader {
	if want == nil {
		want = func(Record) bool { return true }
	}
	return &Reader{dir: dir, want: want}
}

// Close closes the file that is being read.
func (r *Reader) Close() {
	if r.file != nil {
		r.file.Close()
	}
}

// Last returns the last n records, the oldest first. Follow goes on after them.
func (r *Reader) Last(n int) ([]Record, error) {
	files, err := r.openAll()
	if err != nil || len(files) == 0 {
		return nil, err
	}
	ring := newRing(n)
	for i, f := range files {
		if r.file != nil {
			r.file.Close()
		}
		r.file, r.rest = f, nil
		if err := r.read(func(rec Record) error { ring.add(rec); return nil }); err != nil {
			for _, f := range files[i+1:] {
				f.Close()
			}
			return nil, err
		}
	}
	return ring.all(), nil
}

// Follow calls show for every record that comes, until ctx ends or show fails, across renamed
// files.
func (r *Reader) Follow(ctx context.Context, show func(Record) error) error {
	tick := time.NewTicker(Poll)
	defer tick.Stop()
	for {
		if err := r.news(show); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// news reads to the end of the newest file.
func (r *Reader) news(show func(Record) error) error {
	for {
		if r.file != nil {
			if err := r.read(show); err != nil {
				return err
			}
		}
		next, err := r.next()
		if err != nil || next == nil {
			return err
		}
		if r.file != nil {
			// Written between the last look and the renaming; after it nothing is.
			if err := r.read(show); err != nil {
				next.Close()
				return err
			}
			r.file.Close()
		}
		r.file, r.rest = next, nil
	}
}

// next opens the file that follows the one being read: nil if that is the newest, the oldest if it
// is gone.
func (r *Reader) next() (*os.File, error) {
	if r.file != nil {
		mine, err := r.file.Stat()
		if err != nil {
			return nil, fmt.Errorf("reading the logs: %w", err)
		}
		if newest, err := os.Stat(file(r.dir, 0)); err == nil && os.SameFile(mine, newest) {
			return nil, nil
		}
	}
	files, err := r.openAll()
	if err != nil || len(files) == 0 {
		return nil, err
	}
	following := 0
	if r.file != nil {
		mine, err := r.file.Stat()
		if err != nil {
			return nil, fmt.Errorf("reading the logs: %w", err)
		}
		for i, f := range files {
			if info, err := f.Stat(); err == nil && os.SameFile(mine, info) {
				following = i + 1
			}
		}
	}
	var next *os.File
	for i, f := range files {
		if i == following {
			next = f
		} else {
			f.Close()
		}
	}
	return next, nil
}

// openAll opens all files as of one moment, the oldest first.
func (r *Reader) openAll() ([]*os.File, error) {
	lock := flock.New(lockFile(r.dir))
	if err := lock.RLock(); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading the logs: %w", err)
	}
	defer lock.Unlock()
	var files []*os.File
	for age := kept - 1; age >= 0; age-- {
		f, err := os.Open(file(r.dir, age))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			return nil, fmt.Errorf("reading the logs: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

// maxLine bounds a stored line: a text and what stands before it.
const maxLine = MaxText + 1024

// read shows the whole lines from here to the file's end; what has no end yet is kept for the next
// time.
func (r *Reader) read(show func(Record) error) error {
	in := bufio.NewReaderSize(r.file, 64<<10)
	for {
		part, err := in.ReadSlice('\n')
		if r.rest = append(r.rest, part...); len(r.rest) > maxLine {
			r.rest = r.rest[:maxLine] // no record of ours
		}
		if err == nil {
			rec, ok := parse(bytes.TrimSuffix(r.rest, []byte("\n")))
			r.rest = r.rest[:0]
			if ok && r.want(rec) {
				if err := show(rec); err != nil {
					return err
				}
			}
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("reading the logs: %w", err)
		}
	}
}

// ring keeps the last records.
type ring struct {
	records []Record
	n, at   int
}

func newRing(n int) *ring { return &ring{n: n} }

func (r *ring) add(rec Record) {
	if len(r.records) < r.n {
		r.records = append(r.records, rec)
	} else if r.n > 0 {
		r.records[r.at] = rec
		r.at = (r.at + 1) % r.n
	}
}

func (r *ring) all() []Record {
	return append(r.records[r.at:len(r.records):len(r.records)], r.records[:r.at]...)
}
