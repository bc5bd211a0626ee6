package classic

import (
	"io"
	"slices"
	"strings"
	"sync"

	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// The most bytes of a buildpack's text in a message.
const (
	maxName = 80
	maxLine = 300
)

// tail passes output on and keeps its end.
type tail struct {
	to  io.Writer // nil for nowhere
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
	if t.to == nil {
		return len(p), nil
	}
	return t.to.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}

// capture keeps output up to a limit, and notes whether there was more.
type capture struct {
	limit int
	data  []byte
	more  bool
}

func (c *capture) Write(p []byte) (int, error) {
	room := min(len(p), c.limit-len(c.data))
	c.data = append(c.data, p[:room]...)
	c.more = c.more || room < len(p)
	return len(p), nil
}

// escape matches what terminals take for commands: colours, for the most part.
var escape = lazyregexp.New("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[@-_])")

// lastLine returns the last line of an output that says something. In Heroku's style an error is a block of lines
// that start with "!": of such a block at the end it is the first.
func lastLine(output string) string {
	output = escape.ReplaceAllString(output, "")
	lines := strings.FieldsFunc(output, func(r rune) bool { return r == '\n' || r == '\r' })
	last := ""
	for _, l := range slices.Backward(lines) {
		text, marked := strings.CutPrefix(strings.TrimLeft(l, " \t"), "!")
		if last != "" && !marked {
			break
		}
		if line := diagnosis.Line(strings.TrimLeft(text, " \t!>-"), maxLine); line != "" {
			last = line
		}
		if last != "" && !marked {
			break
		}
	}
	return last
}
