package command

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"slugc/buildpacks/diagnosis"
)

// Failure is a program that ended with another status than 0.
type Failure struct {
	Command string // as people are told it
	Status  string // "exit status 3", "signal: killed"
	Tail    []byte // the end of what it said
}

// Error says what failed and how.
func (f *Failure) Error() string { return fmt.Sprintf("`%s` failed (%s)", f.Command, f.Status) }

// Unknown is what is said of a failure that no pattern knows.
type Unknown struct {
	ID    string   // "node/install-failed"
	Hints []string // what to do, where more can be said than what the tool has
	// the hint, where the kernel has ended the program for want of memory: the id then is that
	// language's out-of-memory
	Memory string
	Noise  func(line string) bool // reports lines that say nothing to the app's owner; nil for none
}

// Explain makes a diagnosis of a [*Failure]: the first of the known ones, else the unknown. Any
// other error is returned as it is.
func Explain(err error, known []diagnosis.Pattern, unknown Unknown) error {
	f, ok := errors.AsType[*Failure](err)
	if !ok {
		return err
	}
	if d := diagnosis.Recognise(known, f.Tail); d != nil {
		return d
	}
	return f.Unrecognised(unknown)
}

// Unrecognised is the diagnosis of a failure that no pattern knows: the command, its status and the
// last lines that say something.
func (f *Failure) Unrecognised(unknown Unknown) *diagnosis.Diagnosis {
	if f.Status == "signal: killed" || f.Status == "exit status 137" { // 137: a shell's word for the same
		language, _, _ := strings.Cut(unknown.ID, "/")
		return &diagnosis.Diagnosis{
			ID: language + "/out-of-memory", Summary: fmt.Sprintf("`%s` was killed, most likely because memory ran out.", f.Command), Hints: []string{unknown.Memory},
		}
	}
	d := &diagnosis.Diagnosis{
		ID:      unknown.ID,
		Summary: fmt.Sprintf("`%s` failed (%s).", f.Command, f.Status),
		Hints:   slices.Clone(unknown.Hints),
	}
	lines := f.Lines(unknown.Noise)
	for _, line := range lines[max(0, len(lines)-saidLines):] {
		d.Hints = append(d.Hints, "it said: "+Clip(line, saidBytes))
	}
	return d
}

const (
	saidLines = 5
	saidBytes = 300
)

// Lines are the lines of what the program said, without blank ones and those that noise reports;
// nil reports none.
func (f *Failure) Lines(noise func(line string) bool) []string {
	var lines []string
	for line := range strings.Lines(string(bytes.ToValidUTF8(f.Tail, nil))) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if noise != nil {
		lines = slices.DeleteFunc(lines, noise)
	}
	return lines
}

// Clip is text, cut to at most limit bytes where it is longer, and then with an ellipsis. No
// character is cut in two.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
