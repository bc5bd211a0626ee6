// Package command runs the tools of a build for the languages' buildpacks: what a tool says is
// passed on in slugc's hand while it runs, the end of it is kept, and a failure is explained from
// what was kept.
package command

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Log writes in Heroku's hand: steps, details, warnings, and below them what tools say. It may be
// used from several goroutines if Out may.
type Log struct {
	Out     io.Writer
	Secrets []string // values that are never shown; where one is part of another, the longer comes first
}

// Step begins a part of the build.
func (l *Log) Step(format string, args ...any) {
	fmt.Fprintf(l.Out, "-----> %s\n", fmt.Sprintf(format, args...))
}

// Detail says something about the part under way.
func (l *Log) Detail(format string, args ...any) {
	fmt.Fprintf(l.Out, "       %s\n", fmt.Sprintf(format, args...))
}

// Warn says what the app's owner should change.
func (l *Log) Warn(format string, args ...any) {
	fmt.Fprintf(l.Out, " !     %s\n", fmt.Sprintf(format, args...))
}

const (
	tailSize = 256 << 10 // bytes of a tool's output that are kept for recognising its failure
	maxLine  = 64 << 10  // a longer line is passed on in pieces
)

// stream passes a tool's output on line by line, indented, and keeps its tail. Lines that drop
// reports are kept but not shown, and secrets are blotted out of both. It may be written from
// several goroutines.
type stream struct {
	mu      sync.Mutex
	out     io.Writer
	secrets []string
	drop    func(line string) bool
	line    []byte
	tail    []byte
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
	if s.drop != nil && s.drop(line) {
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
