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

// Failure is the error of a program that ended with a status other than 0.
type Failure struct {
	Command string // as people see it
	Status  string // "exit status 3", "signal: killed"
	Tail    []byte // the end of its output
	Hint    string // that it had no network; "" if it had
}

// Error says what failed and how.
func (f *Failure) Error() string { return fmt.Sprintf("`%s` failed (%s)", f.Command, f.Status) }

// Unknown describes a failure that no pattern recognises.
type Unknown struct {
	ID    string   // "node/install-failed"
	Hints []string // what to do; the tool's last lines are added
	// the only hint where the kernel killed the program because memory ran out; the id is then the
	// language's out-of-memory
	Memory string
	Noise  func(line string) bool // reports lines that say nothing to the app's owner; nil for none
}

// Explain turns a [*Failure] into a diagnosis: that of the first known pattern that matches, else
// the unknown one. It returns any other error unchanged.
func Explain(err error, known []diagnosis.Pattern, unknown Unknown) error {
	f, ok := errors.AsType[*Failure](err)
	if !ok {
		return err
	}
	return f.Diagnose(diagnosis.Recognise(known, f.Tail), unknown)
}

// Diagnose returns the diagnosis of a failure: d, which a pattern made, or the unknown one if d is nil. A
// program without network has not failed for want of a better one: the diagnosis says that it had none.
func (f *Failure) Diagnose(d *diagnosis.Diagnosis, unknown Unknown) *diagnosis.Diagnosis {
	if d == nil || f.Hint != "" && d.Transient {
		d = f.Unrecognised(unknown)
	}
	if f.Hint != "" {
		d.Hints = append(d.Hints, f.Hint)
	}
	return d
}

// Twice calls run, and once more if its diagnosis says that an answer broke off. told is called in between.
func Twice(told func(why string), run func() error) error {
	err := run()
	if d, ok := errors.AsType[*diagnosis.Diagnosis](err); ok && d.Again {
		told(d.Summary)
		err = run()
	}
	return err
}

// Unrecognised returns the diagnosis of a failure that no pattern recognises: the command, its
// status and its last meaningful lines, which are never those of a stack trace.
func (f *Failure) Unrecognised(unknown Unknown) *diagnosis.Diagnosis {
	if f.Status == "signal: killed" || f.Status == "exit status 137" { // 137 is how a shell reports the same
		language, _, _ := strings.Cut(unknown.ID, "/")
		return &diagnosis.Diagnosis{
			ID:      language + "/out-of-memory",
			Summary: fmt.Sprintf("`%s` was killed, most likely because memory ran out.", f.Command),
			Hints:   []string{unknown.Memory},
		}
	}
	d := &diagnosis.Diagnosis{
		ID:      unknown.ID,
		Summary: fmt.Sprintf("`%s` failed (%s).", f.Command, f.Status),
		Hints:   slices.Clone(unknown.Hints),
	}
	lines := withoutFrames(f.Lines(unknown.Noise))
	for _, line := range lines[max(0, len(lines)-quotedLines):] {
		d.Hints = append(d.Hints, "it said: "+Clip(line, quotedBytes))
	}
	return d
}

// How much of a failed program's output its diagnosis quotes.
const (
	quotedLines = 5
	quotedBytes = 300 // of each line
)

// Lines returns the kept lines of the program's output, trimmed, without blank ones and those that
// noise reports. nil reports none.
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

// Clip cuts a text that is longer than limit bytes at the last whole character and adds an
// ellipsis.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
