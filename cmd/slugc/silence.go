package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"slugc/compiler/report"
	"slugc/detect/lazyregexp"
)

// silence keeps a log alive where no status line is: when nothing was said for a while, a line says
// what still goes on.
type silence struct {
	what        string // what goes on; "" when nothing does
	since       time.Time
	done, total int64         // as in status
	wait        time.Duration // how long the silence may last
	due         time.Time     // when it has lasted that long
	timer       *time.Timer   // nil until something goes on
	ended       bool          // for good
}

// The first silence is broken after firstSilence, each further one after twice as long, up to
// longestSilence.
const (
	firstSilence   = 15 * time.Second
	longestSilence = time.Minute
)

// longestWhat is how many characters of what goes on are repeated.
const longestWhat = 100

// begin notes what goes on; "" is nothing. The time of what went on already is kept. speak is
// called when a line may be due.
func (s *silence) begin(what string, done, total int64, speak func()) {
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
		s.wait, s.due = firstSilence, s.since.Add(firstSilence)
		s.timer = time.AfterFunc(firstSilence, speak)
	case !s.due.After(time.Now()): // it has run out while nothing went on
		s.await(firstSilence)
	}
}

// broken notes that something was printed.
func (s *silence) broken() {
	if s.timer != nil && !s.ended {
		s.await(firstSilence)
	}
}

func (s *silence) await(d time.Duration) {
	s.wait, s.due = d, time.Now().Add(d)
	s.timer.Reset(d)
}

// line is what to say now, "" for nothing.
func (s *silence) line() string {
	if s.ended || s.what == "" || time.Now().Before(s.due) {
		return ""
	}
	s.await(min(2*s.wait, longestSilence))
	far := spoken(time.Since(s.since))
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

// end ends it for good.
func (s *silence) end() {
	s.ended = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// isDoing says whether a text begins as a step that takes time does: "Installing …", and not
// "Nothing …".
func isDoing(text string) bool {
	first, _, _ := strings.Cut(text, " ")
	return strings.HasSuffix(first, "ing") && !strings.HasSuffix(first, "thing")
}

// spoken renders a duration for people: "45 s", "2 min 30 s".
func spoken(d time.Duration) string {
	seconds := int(d.Round(time.Second) / time.Second)
	if seconds < 120 {
		return fmt.Sprintf("%d s", seconds)
	}
	return fmt.Sprintf("%d min %d s", seconds/60, seconds%60)
}

// sgr is what clean lets through of escape sequences.
var sgr = lazyregexp.New("\x1b\\[[0-?]*[ -/]*m")

// oneLine is the first line of a clean text, without colours, cut where it is long.
func oneLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	text = strings.TrimSpace(sgr.ReplaceAllString(text, ""))
	if runes := []rune(text); len(runes) > longestWhat {
		text = string(runes[:longestWhat]) + "…"
	}
	return text
}
