package sandbox

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// sink passes a child's output on: one call at a time, at most so many bytes, in constant memory.
type sink struct {
	start time.Time
	last  atomic.Int64 // since start, when output was last seen or taken

	mu      sync.Mutex
	limited bool
	left    int64
	limit   int64
	cut     bool // the line about the limit was written
	err     error
}

func newSink(limit int64) *sink {
	return &sink{start: time.Now(), limited: limit > 0, left: limit, limit: limit}
}

// silence is how long there has been no output.
func (k *sink) silence() time.Duration { return time.Since(k.start) - time.Duration(k.last.Load()) }

func (k *sink) touch() { k.last.Store(int64(time.Since(k.start))) }

// pump reads all of r into w. A writer that fails is not called again, but the child is still read:
// it must not hang.
func (k *sink) pump(r *os.File, w io.Writer) {
	buf := make([]byte, 32<<10)
	broken := w == nil
	for {
		n, err := r.Read(buf)
		if n > 0 {
			k.touch()
			if !broken {
				broken = !k.write(w, buf[:n])
				k.touch()
			}
		}
		if err != nil {
			return
		}
	}
}

// write passes on what the limit leaves, and reports whether w still works.
func (k *sink) write(w io.Writer, p []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cut {
		return true
	}
	if k.limited && int64(len(p)) > k.left {
		p = p[:k.left]
		k.cut = true
	}
	k.left -= int64(len(p))
	_, err := w.Write(p)
	if err == nil && k.cut {
		newline := "\n"
		if len(p) > 0 && p[len(p)-1] == '\n' {
			newline = ""
		}
		_, err = fmt.Fprintf(w, "%s[output beyond %d bytes is not shown]\n", newline, k.limit)
	}
	if err != nil && k.err == nil {
		k.err = fmt.Errorf("writing the output: %w", err)
	}
	return err == nil
}

// failure is the first error of a writer.
func (k *sink) failure() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}
