package logs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Options are a writer's bounds. The zero value works.
type Options struct {
	Size  int64         // bytes of a file; 0 for 10 MB
	Queue int           // records that wait to be written; 0 for 1024
	Wait  time.Duration // how long Write waits for room before it drops a record; 0 for 1 s
}

// Writer appends records. It writes from its own goroutine, so that a slow disk, or a stopped
// process that holds the lock, delays an app only for Options.Wait. After that, records are
// dropped, and a record says how many. All methods may be called concurrently.
type Writer struct {
	dir   string
	o     Options
	queue chan Record
	done  chan struct{}

	mu      sync.Mutex
	closed  bool
	dropped int // records dropped since the last one that found room

	file  *os.File // the goroutine's
	lock  *flock.Flock
	ended error // the first error of writing; guarded by mu
}

// Open returns a writer of the logs in dir, which is made with mode 0700 where it is missing.
func Open(dir string, o Options) (*Writer, error) {
	o.Size, o.Queue, o.Wait = cmp.Or(o.Size, 10_000_000), cmp.Or(o.Queue, 1024), cmp.Or(o.Wait, time.Second)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the logs: %w", err)
	}
	w := &Writer{
		dir:   dir,
		o:     o,
		queue: make(chan Record, o.Queue),
		done:  make(chan struct{}),
		lock:  flock.New(lockFile(dir)),
	}
	go w.run()
	return w, nil
}

// Write appends a record, with the current time if it has none. A text with newlines or longer than
// MaxText becomes several records. After Close it does nothing.
func (w *Writer) Write(r Record) {
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	for _, text := range split(r.Text) {
		r.Text = text
		w.enqueue(r)
	}
}

func (w *Writer) enqueue(r Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	if w.dropped > 0 {
		lost := r
		lost.Source, lost.Text = Slugc, fmt.Sprintf("%d lines were not logged: writing the log was too slow", w.dropped)
		select {
		case w.queue <- lost:
			w.dropped = 0
		default:
			w.dropped++
			return
		}
	}
	select {
	case w.queue <- r:
		return
	default:
	}
	room := time.NewTimer(w.o.Wait)
	defer room.Stop()
	select {
	case w.queue <- r:
	case <-room.C:
		w.dropped++
	}
}

// closing bounds how long Close waits for the disk.
const closing = 5 * time.Second

// Close writes the records that wait and returns the first error of writing.
func (w *Writer) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	select {
	case <-w.done:
	case <-time.After(closing):
		return errors.New("writing the log: it takes too long")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// batch bounds the bytes that are written at once.
const batch = 256 << 10

// run writes records until the queue is closed, as many at once as there are.
func (w *Writer) run() {
	defer close(w.done)
	var b []byte
	for r := range w.queue {
		b = r.appendTo(b[:0])
		for more := true; more && len(b) < batch; {
			select {
			case r, open := <-w.queue:
				if more = open; open {
					b = r.appendTo(b)
				}
			default:
				more = false
			}
		}
		if err := w.append(b); err != nil {
			w.mu.Lock()
			if w.ended == nil {
				w.ended = fmt.Errorf("writing the log: %w", err)
			}
			w.mu.Unlock()
		}
	}
	if w.file != nil {
		w.file.Close()
	}
}

// append writes whole records at the end of the newest file, under the lock.
func (w *Writer) append(b []byte) error {
	if err := w.lock.Lock(); err != nil {
		return err
	}
	defer w.lock.Unlock()
	size, err := w.open()
	if err != nil {
		return err
	}
	if size > 0 && size+int64(len(b)) > w.o.Size {
		if err := w.rotate(); err != nil {
			return err
		}
		if size, err = w.open(); err != nil {
			return err
		}
	}
	if size > 0 {
		last := make([]byte, 1)
		if _, err := w.file.ReadAt(last, size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			b = append([]byte{'\n'}, b...)
		}
	}
	_, err = w.file.Write(b)
	return err
}

// open opens the newest file unless it is open, and returns its size. Another process may have
// renamed the former one.
func (w *Writer) open() (int64, error) {
	if w.file != nil {
		mine, err := w.file.Stat()
		if err != nil {
			return 0, err
		}
		if newest, err := os.Stat(file(w.dir, 0)); err == nil && os.SameFile(mine, newest) {
			return mine.Size(), nil
		}
		w.file.Close()
		w.file = nil
	}
	f, err := os.OpenFile(file(w.dir, 0), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	w.file = f
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// rotate renames all files. The oldest one is overwritten.
func (w *Writer) rotate() error {
	for age := kept - 2; age >= 0; age-- {
		if err := os.Rename(file(w.dir, age), file(w.dir, age+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
