// Package command runs the tools of a build for the languages' buildpacks. The [Log] shows a tool's
// output while the tool runs and keeps the end of it; [Explain] turns a [Failure] into a diagnosis
// by what was kept.
//
//	env := command.NewEnv(os.Environ(), "CNB_")
//	log := &command.Log{Out: os.Stdout}
//	log.Hide(command.Secrets(config)...)
//	log.Step("Installing dependencies")
//	_, err := log.Run(ctx, command.Command{
//		Program: env.Look("npm"), Args: []string{"ci"}, Shown: "npm ci", Dir: app, Env: env.List(),
//	})
//	return command.Explain(err, patterns, command.Unknown{ID: "node/install-failed"})
//
// It sets no deadline and no limits: the platform that started the build does.
package command

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"slugc/buildpacks/diagnosis"
)

// Log writes a build's progress in the format of Heroku's buildpacks: steps, details, warnings, and
// below them the output of tools. It may be used from several goroutines if Out may.
type Log struct {
	Out     io.Writer
	Report  string   // the file for what the build waits on, the value of [diagnosis.Env]; "" for none
	Secrets []string // values that are never shown, the longest first: one may be part of another (see [Log.Hide])
	Online  Step     // how commands are started
	Offline Step     // how those with [Command.Offline] are started
}

// Step is how a command gets the network or does not.
type Step struct {
	Prefix []string `json:"prefix,omitempty"` // the start of its command line, before its program; may be empty
	// Hint says that the command has no network, for the diagnosis of its failure; "" if it has.
	Hint string `json:"hint,omitempty"`
}

// Separates reports whether the network is for what fetches dependencies only. A tool that fetches and runs
// the app's code in one is then started twice.
func (l *Log) Separates() bool { return l.Online.Hint == "" && l.Offline.Hint != "" }

// Hide replaces values by "[secret]" in the output of commands that run later. It must not be
// called while a command runs.
func (l *Log) Hide(values ...string) {
	l.Secrets = append(l.Secrets, values...)
	slices.SortFunc(l.Secrets, func(a, b string) int { return len(b) - len(a) })
}

// Step starts a part of the build.
func (l *Log) Step(format string, args ...any) {
	fmt.Fprintf(l.Out, "-----> %s\n", fmt.Sprintf(format, args...))
}

// Detail adds a line to the current step.
func (l *Log) Detail(format string, args ...any) {
	fmt.Fprintf(l.Out, "       %s\n", fmt.Sprintf(format, args...))
}

// Warn tells the app's owner what to change.
func (l *Log) Warn(format string, args ...any) {
	fmt.Fprintf(l.Out, " !     %s\n", fmt.Sprintf(format, args...))
}

// Again says that a command is run a second time.
func (l *Log) Again(why string) { l.Detail("%s Trying once more", why) }

const (
	tailSize = 256 << 10 // bytes of a tool's output that are kept to recognise its failure
	lastSize = 16 << 10  // bytes of it that explain its silence
	maxLine  = 64 << 10  // bytes; a longer line is shown in pieces
)

// stream writes a tool's output line by line, indented, and keeps its tail. Lines that drop reports
// are kept but not shown. Secrets are replaced in both. Several goroutines may write to it.
type stream struct {
	mu      sync.Mutex
	out     io.Writer
	secrets []string
	drop    func(line string) bool
	line    []byte
	tail    []byte
}

// Write takes output in pieces of any size.
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

// Close writes the last line if it is unfinished.
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

// last returns the tail, at most tailSize bytes.
func (s *stream) last() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tail[max(0, len(s.tail)-tailSize):]
}

// lastLines returns the last lines that are not blank, trimmed and without colours.
func (s *stream) lastLines() (lines []string) {
	s.mu.Lock()
	text := append(bytes.Clone(s.tail[max(0, len(s.tail)-lastSize):]), s.line...)
	s.mu.Unlock()
	for line := range strings.Lines(string(diagnosis.Plain(text))) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
