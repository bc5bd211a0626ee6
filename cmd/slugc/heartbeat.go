package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"slugc/compiler/report"
	"slugc/detect/lazyregexp"
)

// heartbeat keeps a log alive where there is no live progress line: when nothing was printed for a
// while, it prints what is still going on.
type heartbeat struct {
	what        string // what is going on; "" for nothing
	since       time.Time
	done, total int64         // as in progressLine
	wait        time.Duration // the present interval
	due         time.Time     // when it ends
	timer       *time.Timer   // nil until something is going on
	ended       bool          // nothing is printed from now on
}

// The first line comes after firstInterval, each further one after twice as long, up to
// longestInterval.
const (
	firstInterval   = 15 * time.Second
	longestInterval = time.Minute
)

// longestText is how many columns of what is going on are repeated.
const longestText = 100

// begin sets what is going on; "" is nothing. If that is what was going on already, its start time
// stays. speak is called when a line may be due.
func (s *heartbeat) begin(what string, done, total int64, speak func()) {
	if s.ended {
		return
	}
	what = oneLine(what)
	if what != s.what {
		s.what, s.since = what, time.Now()
	}
	s.done, s.total = done, total
	switch {
	case what == "":
	case s.timer == nil:
		s.wait, s.due = firstInterval, s.since.Add(firstInterval)
		s.timer = time.AfterFunc(firstInterval, speak)
	case !s.due.After(time.Now()): // it ended while nothing was going on
		s.await(firstInterval)
	}
}

// reset starts a new interval because something was printed.
func (s *heartbeat) reset() {
	if s.timer != nil && !s.ended {
		s.await(firstInterval)
	}
}

func (s *heartbeat) await(d time.Duration) {
	s.wait, s.due = d, time.Now().Add(d)
	s.timer.Reset(d)
}

// line returns the line to print now, "" for none.
func (s *heartbeat) line() string {
	if s.ended || s.what == "" || time.Now().Before(s.due) {
		return ""
	}
	s.await(min(2*s.wait, longestInterval))
	far := duration(time.Since(s.since))
	switch {
	case s.total > 0:
		far += ", " + report.Bytes(min(s.done, s.total)) + " of " + report.Bytes(s.total)
	case s.done > 0:
		far += ", " + report.Bytes(s.done)
	}
	if isDoing(s.what) {
		r, size := utf8.DecodeRuneInString(s.what)
		return fmt.Sprintf("still %c%s (%s)", unicode.ToLower(r), s.what[size:], far)
	}
	return fmt.Sprintf("still working (%s): %s", far, s.what)
}

// end stops the heartbeat for good.
func (s *heartbeat) end() {
	s.ended = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// isDoing reports whether a text starts like a step that takes time: "Installing …", but not
// "Nothing …".
func isDoing(text string) bool {
	first, _, _ := strings.Cut(text, " ")
	return strings.HasSuffix(first, "ing") && !strings.HasSuffix(first, "thing")
}

// duration formats a duration for people: "45 s", "2 min 30 s".
func duration(d time.Duration) string {
	seconds := int(d.Round(time.Second) / time.Second)
	if seconds < 120 {
		return fmt.Sprintf("%d s", seconds)
	}
	return fmt.Sprintf("%d min %d s", seconds/60, seconds%60)
}

// sgr matches the escape sequences that package safetext keeps.
var sgr = lazyregexp.New("\x1b\\[[0-?]*[ -/]*m")

// oneLine returns the first line of a clean text, without colours, cut to longestText columns.
func oneLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	text = strings.TrimSpace(sgr.ReplaceAllString(text, ""))
	return runewidth.Truncate(text, longestText+1, "…")
}
