package node

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// tailSize is how much of a tool's output is kept for recognising its failure.
const tailSize = 256 << 10

// printer writes in Heroku's hand: steps, details, warnings.
type printer struct{ out io.Writer }

func newPrinter(out io.Writer) *printer { return &printer{out} }

func (p *printer) step(format string, args ...any) {
	fmt.Fprintf(p.out, "-----> %s\n", fmt.Sprintf(format, args...))
}

func (p *printer) detail(format string, args ...any) {
	fmt.Fprintf(p.out, "       %s\n", fmt.Sprintf(format, args...))
}

func (p *printer) warn(format string, args ...any) {
	fmt.Fprintf(p.out, " !     %s\n", fmt.Sprintf(format, args...))
}

// stream passes a tool's output on line by line, indented, and keeps its tail. Lines that drop reports are left out.
type stream struct {
	mu   sync.Mutex
	out  io.Writer
	drop func(line []byte) bool
	line []byte
	tail []byte
}

const maxLine = 64 << 10 // a longer line is passed on in pieces

// Write takes any piece of output.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		piece, rest, whole := bytes.Cut(p, []byte("\n"))
		s.line = append(s.line, piece...)
		if whole || len(s.line) > maxLine {
			if err := s.flush(); err != nil {
				return 0, err
			}
		}
		p = rest
	}
	return n, nil
}

// Close passes the last, unfinished line on.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.line) == 0 {
		return nil
	}
	return s.flush()
}

func (s *stream) flush() error {
	line := bytes.TrimRight(s.line, "\r")
	s.line = s.line[:0]
	if s.drop != nil && s.drop(line) {
		return nil
	}
	s.tail = append(append(s.tail, line...), '\n')
	if len(s.tail) > 2*tailSize {
		s.tail = append(s.tail[:0], s.tail[len(s.tail)-tailSize:]...)
	}
	text := "\n"
	if len(line) > 0 {
		text = "       " + string(line) + "\n"
	}
	_, err := io.WriteString(s.out, text)
	return err
}

// last is the tail, at most tailSize bytes of it.
func (s *stream) last() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tail[max(0, len(s.tail)-tailSize):]
}
