package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"slugc/compiler/report"
)

// status is the live line below the text on a terminal: what is going on, and how far it is.
type status struct {
	what        string // "" when nothing is
	done, total int64  // bytes; total 0 where unknown
	shown       bool
	turned      time.Time
	turn        int
}

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// turnTime is how often the line is drawn at most.
const turnTime = 100 * time.Millisecond

func (s *status) set(what string, done, total int64) { s.what, s.done, s.total = what, done, total }

// draw replaces the line.
func (s *status) draw(w io.Writer, width int) {
	now := time.Now()
	if s.shown && now.Sub(s.turned) < turnTime {
		return
	}
	s.turned = now
	s.turn++
	text := fmt.Sprintf("  %c    %s", spinner[s.turn%len(spinner)], s.what)
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
	for utf8.RuneCountInString(text) >= width {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	fmt.Fprint(w, "\r\x1b[K"+text)
	s.shown = true
}

// erase removes the line.
func (s *status) erase(w io.Writer) {
	if s.shown {
		fmt.Fprint(w, "\r\x1b[K")
		s.shown = false
	}
}
