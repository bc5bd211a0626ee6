package main

// The rules for output. This is the only file that prints:
//
//   - stdout carries the command's one result; everything else goes to stderr.
//   - "-----> " starts a step, seven spaces a detail, " ! " a warning or an error. Nothing is
//     capitalised for effect; nothing ends with an exclamation mark.
//   - an error is one sentence, followed by its hints (each an action) and its id in brackets.
//   - colours are SGR only, and none without a terminal, under NO_COLOR, TERM=dumb or --plain.
//   - live progress is drawn on a terminal only, on one line below the text, and leaves nothing
//     behind. Elsewhere the heartbeat prints now and then what is still going on.
//   - foreign text (of buildpacks, tools, files) goes through package safetext: in messages, lists and
//     names control characters are shown as escapes; of the output of builds colours pass, and end
//     with their line. What the CI runner would obey is broken.

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"slugc/cmd/slugc/safetext"
	"slugc/compiler/fault"
	"slugc/compiler/report"
)

type ui struct {
	out, err     io.Writer
	terminal     bool // stderr is a terminal
	outTerminal  bool // stdout is one
	color        bool
	quiet, plain bool
	width        func() int

	blank  bool            // the buildpack's last line was empty
	runner safetext.Runner // reads what is printed
	token  string          // ends what [ui.beginForeign] began; "" if nothing did

	mu           sync.Mutex
	progressLine progressLine
	tick         *time.Timer
	heartbeat    heartbeat
}

func newUI(stdout, stderr *os.File) *ui {
	terminal := term.IsTerminal(int(stderr.Fd())) && os.Getenv("TERM") != "dumb"
	return &ui{out: stdout, err: stderr, terminal: terminal, outTerminal: term.IsTerminal(int(stdout.Fd())),
		color:  terminal && os.Getenv("NO_COLOR") == "",
		runner: safetext.RunnerOf(os.Getenv),
		width: func() int {
			if w, _, err := term.GetSize(int(stderr.Fd())); err == nil && w > 20 {
				return w
			}
			return 80
		}}
}

const (
	bold   = "\x1b[1m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	dim    = "\x1b[2m"
	reset  = "\x1b[0m"
)

func (u *ui) paint(code, s string) string {
	if !u.color || u.plain {
		return s
	}
	return code + s + reset
}

// line prints one line above the progress line.
func (u *ui) line(s string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.progressLine.erase(u.err)
	fmt.Fprintln(u.err, u.runner.Break(s))
	u.heartbeat.reset()
}

// Step prints that a step starts.
func (u *ui) Step(text string) {
	u.step(safetext.Show(text))
}

// step prints that a step starts, with a text that is safe.
func (u *ui) step(text string) {
	if u.quiet {
		return
	}
	u.line(u.paint(bold, "----->") + " " + text)
	if !isDoing(text) {
		text = ""
	}
	u.noteActivity(text, 0, 0)
}

// Detail prints a line about the step.
func (u *ui) Detail(text string) {
	if !u.quiet {
		u.line("       " + safetext.Show(text))
	}
}

// Warn prints what the reader should know, also under --quiet.
func (u *ui) Warn(text string) {
	for _, l := range strings.Split(safetext.Show(text), "\n") {
		u.line(u.paint(yellow, " !     "+l))
	}
}

func (u *ui) errorf(format string, args ...any) {
	for _, l := range strings.Split(safetext.Show(fmt.Sprintf(format, args...)), "\n") {
		u.line(u.paint(red, " !     "+l))
	}
}

// fault prints an error that has an owner.
func (u *ui) fault(f *fault.Error) {
	u.errorf("%s", placed(f.Error(), f.Place))
	for _, h := range f.Hints {
		for i, l := range strings.Split(safetext.Show(h), "\n") {
			if i == 0 {
				l = "hint: " + l
			}
			u.line(" !     " + l)
		}
	}
	u.line(u.paint(dim, " !     ["+f.ID+"]"))
}

// placed adds the place to an error's text, unless the text names it already.
func placed(text, place string) string {
	file, rest, _ := strings.Cut(place, ":")
	line, _, _ := strings.Cut(rest, ":")
	switch {
	case place == "",
		strings.Contains(text, place),
		line != "" && strings.Contains(text, fmt.Sprintf("%q: line %s:", file, line)):
		return text
	case strings.HasPrefix(text, file+" "), strings.HasPrefix(text, file+": "):
		return place + strings.TrimPrefix(text, file)
	}
	return place + ": " + text
}

// result prints the command's one result on stdout.
func (u *ui) result(text string) error { return u.print(u.runner.Break(safetext.Show(text))) }

// value prints a value that is not slugc's own as the command's one result: unchanged, but on a terminal.
func (u *ui) value(text string) error {
	if u.outTerminal {
		text = safetext.Show(text)
	}
	return u.print(u.runner.Break(text))
}

// document prints a JSON document as the command's one result.
func (u *ui) document(text string) error { return u.print(u.runner.JSON(safetext.JSON(text))) }

// output prints a line that a process of an app wrote. Its colours are for terminals only.
func (u *ui) output(line string) error {
	if u.outTerminal {
		line = safetext.Line(line)
	} else {
		line = safetext.Strip(line)
	}
	return u.print(u.runner.Break(line))
}

func (u *ui) print(text string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.progressLine.erase(u.err)
	u.progressLine.what = ""
	u.heartbeat.end()
	if text == "" {
		return nil
	}
	if _, err := fmt.Fprintln(u.out, strings.TrimSuffix(text, "\n")); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// Progress shows what is going on and how far it got.
func (u *ui) Progress(what string, done, total int64) {
	if !u.terminal || u.plain || u.quiet {
		u.noteActivity(what, done, total)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.progressLine.set(safetext.Cell(what), done, total)
	u.progressLine.draw(u.err, u.width())
	if u.tick == nil {
		u.tick = time.AfterFunc(spinInterval, u.spin)
	}
}

// noteActivity sets what the heartbeat prints, where there is no progress line.
func (u *ui) noteActivity(what string, done, total int64) {
	if u.quiet || u.terminal && !u.plain {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.heartbeat.begin(safetext.Cell(what), done, total, u.sayStillBusy)
}

// sayStillBusy prints the heartbeat's line when it is due.
func (u *ui) sayStillBusy() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if l := u.heartbeat.line(); l != "" {
		fmt.Fprintln(u.err, u.runner.Break("       "+l))
	}
}

// spin turns the spinner while nothing else happens.
func (u *ui) spin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.progressLine.what != "" {
		u.progressLine.draw(u.err, u.width())
		u.tick.Reset(spinInterval)
	} else {
		u.tick = nil
	}
}

// close ends live progress and the heartbeat.
func (u *ui) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.progressLine.erase(u.err)
	u.progressLine.what = ""
	u.heartbeat.end()
}

// Output returns a writer that prints a buildpack's output line by line: its steps and warnings as
// they are, everything else as details.
func (u *ui) Output(string) io.Writer { return &lines{print: u.buildpackLine} }

// beginForeign tells GitHub's runner, before the first foreign line, to obey no command until a word
// comes that only slugc knows ("Stopping and starting workflow commands").
func (u *ui) beginForeign() {
	u.mu.Lock()
	begin := u.token == "" && u.runner.GitHub()
	if begin {
		u.token = rand.Text()
		u.progressLine.erase(u.err)
		fmt.Fprintln(u.err, "::stop-commands::"+u.token)
	}
	u.mu.Unlock()
}

// endForeign lets the runner obey commands again.
func (u *ui) endForeign() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.token != "" {
		fmt.Fprintln(u.err, "::"+u.token+"::")
		u.token = ""
	}
}

func (u *ui) buildpackLine(l string) {
	u.beginForeign()
	l = safetext.Line(l)
	switch {
	case strings.HasPrefix(l, "-----> "):
		u.step(strings.TrimPrefix(l, "-----> "))
		u.noteActivity(safetext.Strip(strings.TrimPrefix(l, "-----> ")), 0, 0)
	case strings.HasPrefix(l, " ! "):
		u.line(u.paint(yellow, l))
	case strings.TrimSpace(l) == "":
		if !u.quiet && !u.blank {
			u.line("")
		}
		u.blank = true
		return
	default:
		if !u.quiet {
			u.line("       " + strings.TrimRight(strings.TrimPrefix(l, "       "), " \t"))
		}
		u.Progress(strings.TrimSpace(safetext.Strip(l)), 0, 0)
	}
	u.blank = false
}

// lines splits a stream into lines. Text after the last newline is printed when more comes, or after
// 200 ms.
type lines struct {
	mu    sync.Mutex
	rest  []byte
	timer *time.Timer
	print func(string)
}

// maxLine is the length in bytes at which a line without an end is broken.
const maxLine = 64 << 10

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 && len(l.rest) > maxLine {
			i = maxLine
		}
		if i < 0 {
			break
		}
		l.print(string(bytes.TrimRight(l.rest[:i], "\r")))
		l.rest = l.rest[min(i+1, len(l.rest)):]
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(200*time.Millisecond, l.flush)
	} else {
		l.timer.Reset(200 * time.Millisecond)
	}
	return len(p), nil
}

func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		l.print(string(l.rest))
		l.rest = nil
	}
}

var _ report.Reporter = (*ui)(nil)
