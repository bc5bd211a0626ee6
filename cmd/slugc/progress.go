package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"slugc/compiler/report"
)

// progressLine is the live line below the text on a terminal: what is going on, and how far it got.
type progressLine struct {
	what        string // what is going on; "" for nothing
	done, total int64  // bytes; total 0 where unknown
	shown       bool
	drawn       time.Time
	frame       int
}

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// spinInterval is the shortest time between two drawings of the line.
const spinInterval = 100 * time.Millisecond

func (s *progressLine) set(what string, done, total int64) {
	s.what, s.done, s.total = what, done, total
}

// draw replaces the line.
func (s *progressLine) draw(w io.Writer, width int) {
	now := time.Now()
	if s.shown && now.Sub(s.drawn) < spinInterval {
		return
	}
	s.drawn = now
	s.frame++
	text := fmt.Sprintf("  %c    %s", spinner[s.frame%len(spinner)], s.what)
	switch {
	case s.total > 0:
		const cells = 20
		done := min(s.done, s.total)
		full := int(done * cells / s.total)
		text += fmt.Sprintf("  %s%s %3d %%  %s of %s", strings.Repeat("█", full), strings.Repeat("░", cells-full),
			done*100/s.total, report.Bytes(done), report.Bytes(s.total))
	case s.done > 0:
		text += "  " + report.Bytes(s.done)
	}
	fmt.Fprint(w, "\r\x1b[K"+runewidth.Truncate(text, width-1, ""))
	s.shown = true
}

// erase removes the line.
func (s *progressLine) erase(w io.Writer) {
	if s.shown {
		fmt.Fprint(w, "\r\x1b[K")
		s.shown = false
	}
}
