package lifecycle

import (
	"io"
	"sync"
)

// tail passes a buildpack's output on and keeps its end.
type tail struct {
	io.Writer
	mu  sync.Mutex
	end []byte
}

// tailSize is how much of the output is kept: it need only hold the last error.
const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.end = append(t.end, p...)
	t.end = append(t.end[:0], t.end[max(0, len(t.end)-tailSize):]...)
	t.mu.Unlock()
	return t.Writer.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}
