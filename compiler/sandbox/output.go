package sandbox

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// outputLimiter copies a child's output to its writers: one call at a time, up to a limit of bytes, in
// constant memory.
type outputLimiter struct {
	start time.Time
	last  atomic.Int64 // when output was last read or written, as a duration since start

	mu      sync.Mutex
	limited bool
	left    int64 // bytes, up to the limit
	limit   int64
	cut     bool // the line about the limit was written
	err     error
}

func newOutputLimiter(limit int64) *outputLimiter {
	return &outputLimiter{start: time.Now(), limited: limit > 0, left: limit, limit: limit}
}

// idle returns for how long there has been no output.
func (o *outputLimiter) idle() time.Duration {
	return time.Since(o.start) - time.Duration(o.last.Load())
}

func (o *outputLimiter) touch() { o.last.Store(int64(time.Since(o.start))) }

// copy reads all of r into w. It does not call a writer again that has failed, but it reads on, so that
// the child does not block.
func (o *outputLimiter) copy(w io.Writer, r *os.File) {
	buf := make([]byte, 32<<10)
	broken := w == nil
	for {
		n, err := r.Read(buf)
		if n > 0 {
			o.touch()
			if !broken {
				broken = !o.write(w, buf[:n])
				o.touch()
			}
		}
		if err != nil {
			return
		}
	}
}

// write writes what the limit leaves of p, and reports whether w still works.
func (o *outputLimiter) write(w io.Writer, p []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cut {
		return true
	}
	if o.limited && int64(len(p)) > o.left {
		p = p[:o.left]
		o.cut = true
	}
	o.left -= int64(len(p))
	_, err := w.Write(p)
	if err == nil && o.cut {
		newline := "\n"
		if len(p) > 0 && p[len(p)-1] == '\n' {
			newline = ""
		}
		_, err = fmt.Fprintf(w, "%s[output beyond %d bytes is not shown]\n", newline, o.limit)
	}
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("writing the output: %w", err)
	}
	return err == nil
}

// writeError returns the first error of a writer.
func (o *outputLimiter) writeError() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
