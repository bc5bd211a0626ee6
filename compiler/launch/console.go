package launch

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// maxLine is where a line without an end is cut into two, so that a process cannot fill the memory.
const maxLine = 8 << 20

// minName is foreman's least width of a type's name.
const minName = 6

// palette is foreman's, in its order: one colour a type.
var palette = []string{"36", "33", "32", "35", "31", "34", "1;36", "1;33", "1;32", "1;35", "1;31", "1;34"}

// systemColor is of the console's own lines.
const systemColor = "1;37"

// console writes whole lines of many processes, each behind its process's name.
type console struct {
	width      int
	color      bool
	timestamps bool

	mu  sync.Mutex
	out io.Writer
	err error
}

// line writes one line, which has no newline. After an error of the writer nothing more is written.
func (c *console) line(name, color string, text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.out == nil {
		return
	}
	var b bytes.Buffer
	if c.color {
		fmt.Fprintf(&b, "\x1b[%sm", color)
	}
	if c.timestamps {
		b.WriteString(time.Now().Format("15:04:05 "))
	}
	fmt.Fprintf(&b, "%-*s | ", c.width, name)
	if c.color {
		b.WriteString("\x1b[0m")
	}
	b.Write(text)
	b.WriteByte('\n')
	if _, err := c.out.Write(b.Bytes()); err != nil {
		c.err = fmt.Errorf("writing the output: %w", err)
	}
}

func (c *console) system(format string, args ...any) {
	c.line("system", systemColor, fmt.Appendf(nil, format, args...))
}

func (c *console) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// copy writes all lines of r, the last one also when it has no end.
func (c *console) copy(r io.Reader, name, color string) {
	in := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if err == bufio.ErrBufferFull && len(line) < maxLine {
			continue
		}
		if len(line) > 0 {
			c.line(name, color, bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")))
		}
		if line = line[:0]; cap(line) > 1<<20 {
			line = nil
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}
