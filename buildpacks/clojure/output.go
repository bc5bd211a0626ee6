package clojure

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

// printer writes in Heroku's hand: steps, details, warnings.
type printer struct {
	out     io.Writer
	secrets []string
}

func (p *printer) step(format string, args ...any) {
	fmt.Fprintf(p.out, "-----> %s\n", fmt.Sprintf(format, args...))
}

func (p *printer) detail(format string, args ...any) {
	fmt.Fprintf(p.out, "       %s\n", fmt.Sprintf(format, args...))
}

func (p *printer) warn(format string, args ...any) {
	fmt.Fprintf(p.out, " !     %s\n", fmt.Sprintf(format, args...))
}

const (
	tailSize = 256 << 10 // bytes of a tool's output that are kept for recognising its failure
	maxLine  = 64 << 10  // a longer line is passed on in pieces
)

// stream passes a tool's output on line by line, indented, and keeps its tail. Lines that drop reports are kept but not shown, and
// secrets are blotted out. It may be written from several goroutines.
type stream struct {
	mu      sync.Mutex
	out     io.Writer
	secrets []string
	drop    func(line []byte) bool
	line    []byte
	tail    []byte
}

// stream returns a stream to the printer's output.
func (p *printer) stream(drop func(line []byte) bool) *stream {
	return &stream{out: p.out, secrets: p.secrets, drop: drop}
}

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
	line := string(bytes.TrimRight(s.line, "\r"))
	s.line = s.line[:0]
	for _, secret := range s.secrets {
		line = strings.ReplaceAll(line, secret, "[secret]")
	}
	s.tail = append(append(s.tail, line...), '\n')
	if len(s.tail) > 2*tailSize {
		s.tail = append(s.tail[:0], s.tail[len(s.tail)-tailSize:]...)
	}
	if s.drop != nil && s.drop([]byte(line)) {
		return nil
	}
	text := "\n"
	if line != "" {
		text = "       " + line + "\n"
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
