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
	file *os.File // the one that is being read
	rest []byte   // its last line, if that is not complete
}

// NewReader returns a reader of the records in dir for which want returns true; nil stands for all.
// A missing directory has no records.
func NewReader(dir string, want func(Record) bool) *Reader {
	if want == nil {
		want = func(Record) bool { return true }
	}
	return &Reader{dir: dir, want: want}
}

// Close closes the reader's file.
func (r *Reader) Close() {
	if r.file != nil {
		r.file.Close()
	}
}

// Last returns the last n records, the oldest first. Follow continues after them.
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

// Follow calls show for every new record until ctx ends or show fails. It follows renamed files.
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
			// What was written between the last read and the renaming.
			if err := r.read(show); err != nil {
				next.Close()
				return err
			}
			r.file.Close()
		}
		r.file, r.rest = next, nil
	}
}

// next opens the file after the reader's. It returns nil if the reader's is the newest, and the
// oldest if the reader's is gone.
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

// openAll opens all files as they are at one moment, the oldest first.
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

// maxLine bounds a stored line: a text with its prefix.
const maxLine = MaxText + 1024

// read calls show for all complete lines up to the end of the file. It keeps an incomplete line for
// the next call.
func (r *Reader) read(show func(Record) error) error {
	in := bufio.NewReaderSize(r.file, 64<<10)
	for {
		part, err := in.ReadSlice('\n')
		if r.rest = append(r.rest, part...); len(r.rest) > maxLine {
			r.rest = r.rest[:maxLine] // it is not a record
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
