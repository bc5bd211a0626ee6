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

// System is the name before the console's own lines.
const System = "system"

// systemColor is of the console's own lines.
const systemColor = "1;37"

// Console writes whole lines of many processes, each behind its process's name. Its methods may be
// called concurrently.
type Console struct {
	out        io.Writer
	color      bool
	timestamps bool

	mu    sync.Mutex
	width int
	err   error
}

// NewConsole returns a console that writes to out, which may be nil, one call at a time: names in
// colours, and HH:MM:SS before each line, if wanted.
func NewConsole(out io.Writer, color, timestamps bool) *Console {
	return &Console{out: out, color: color, timestamps: timestamps, width: minName + 2}
}

// Widen makes room for names of a type with instances up to a number.
func (c *Console) Widen(typ string, instances int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.width = max(c.width, max(minName, len(typ))+1+len(fmt.Sprint(instances)))
}

// line writes one line, which has no newline. After an error of the writer nothing more is written.
func (c *Console) line(name, color string, text []byte) {
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

// System writes a line of the console's own.
func (c *Console) System(text string) { c.line(System, systemColor, []byte(text)) }

// Failure is the first error of the writer.
func (c *Console) Failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// eachLine calls show for all lines of r without their ends, the last one also when it has none.
func eachLine(r io.Reader, show func([]byte)) {
	in := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if err == bufio.ErrBufferFull && len(line) < maxLine {
			continue
		}
		if len(line) > 0 {
			show(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")))
		}
		if line = line[:0]; cap(line) > 1<<20 {
			line = nil
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}
