package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"slugc/compiler"
)

// status is the live line below the text on a terminal.
type status struct {
	shown bool
	last  time.Time
	turn  int
}

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// draw replaces the line, at most twenty times a second.
func (s *status) draw(w io.Writer, width int, what string, done, total int64) {
	if now := time.Now(); s.shown && now.Sub(s.last) < 50*time.Millisecond {
		return
	} else {
		s.last = now
	}
	s.turn++
	text := fmt.Sprintf("  %c    %s", spinner[s.turn%len(spinner)], what)
	switch {
	case total > 0:
		const cells = 20
		full := int(min(done, total) * cells / total)
		text += fmt.Sprintf("  %s%s %3d %%  %s of %s", strings.Repeat("█", full), strings.Repeat("░", cells-full),
			min(done, total)*100/total, compiler.Bytes(done), compiler.Bytes(total))
	case done > 0:
		text += "  " + compiler.Bytes(done)
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
