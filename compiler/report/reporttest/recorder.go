// Package reporttest holds a [report.Reporter] for tests. Only tests import it.
package reporttest

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"slugc/compiler/report"
)

// Recorder keeps what it is told, one line a call: "step: …", "detail: …", "warn: …". Progress is
// ignored. The zero value is ready to use.
type Recorder struct {
	Lines []string
	Out   bytes.Buffer // what buildpacks and processes wrote
}

var _ report.Reporter = (*Recorder)(nil)

// Step, Detail and Warn record a line.
func (r *Recorder) Step(text string)   { r.Lines = append(r.Lines, "step: "+text) }
func (r *Recorder) Detail(text string) { r.Lines = append(r.Lines, "detail: "+text) }
func (r *Recorder) Warn(text string)   { r.Lines = append(r.Lines, "warn: "+text) }

// Output returns the buffer Out, whatever the source.
func (r *Recorder) Output(string) io.Writer { return &r.Out }

// Progress does nothing.
func (r *Recorder) Progress(string, int64, int64) {}

// Has reports whether a line was recorded.
func (r *Recorder) Has(line string) bool { return slices.Contains(r.Lines, line) }

// Only returns the lines of one kind: "step", "detail" or "warn".
func (r *Recorder) Only(kind string) (lines []string) {
	for _, line := range r.Lines {
		if text, ok := strings.CutPrefix(line, kind+": "); ok {
			lines = append(lines, text)
		}
	}
	return lines
}
