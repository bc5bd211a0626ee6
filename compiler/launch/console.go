package launch

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// maxLine is the most bytes of a line. A longer one is shown as several, so that a process cannot fill the
// memory.
const maxLine = 8 << 20

// minName is the least width of a type's name, as in foreman.
const minName = 6

// palette has foreman's colours in foreman's order, one for each process type.
var palette = []string{"36", "33", "32", "35", "31", "34", "1;36", "1;33", "1;32", "1;35", "1;31", "1;34"}

// System is the name before the console's own lines, as in foreman.
const System = "system"

const systemColor = "1;37"

// Console writes the lines of many processes, each behind its process's name. Its methods may be called
// concurrently.
type Console struct {
	out        io.Writer
	color      bool
	timestamps bool

	mu    sync.Mutex
	width int
	err   error
}

// NewConsole returns a console that writes to out, one call at a time; out may be nil. With color, names are
// in colours; with timestamps, HH:MM:SS stands before each line.
func NewConsole(out io.Writer, color, timestamps bool) *Console {
	return &Console{out: out, color: color, timestamps: timestamps, width: minName + 2}
}

// FitName widens the column of names, so that TYPE.INSTANCES fits.
func (c *Console) FitName(typ string, instances int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.width = max(c.width, max(minName, len(typ))+1+len(fmt.Sprint(instances)))
}

// line writes one line and its newline. After an error of the writer it writes nothing.
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

// System writes a line behind the name "system".
func (c *Console) System(text string) { c.line(System, systemColor, []byte(text)) }

// Err returns the first error of the writer.
func (c *Console) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// eachLine calls show for each line of r, without its "\n" or "\r\n". The last line need not have an end.
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
