package command

import (
	"fmt"

	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// Stuck returns a diagnosis of a command that is silent after the last lines of its output, or nil. They are
// trimmed, and none is blank. The platform shows the diagnosis if it stops the build for its silence.
type Stuck func(shown string, lines []string) *diagnosis.Diagnosis

var (
	serves = lazyregexp.New(`(?i)\b(?:listening|running|available|started|ready|serving|local|network)\b.*` +
		`(?:https?://|\bport:? ?\d+|localhost|127\.0\.0\.1|0\.0\.0\.0|:\d{4,5}\b)|` +
		`\b(?:watching|waiting) for (?:\w+ )?changes|is watching the files|\bpress (?:h|q|ctrl)\b`)
	finished = lazyregexp.New(`(?i)\b(?:built|done|compiled|finished) in [\d.]+|compiled successfully|` +
		`\bbuild (?:is )?(?:complete|succeeded|successful|done)`)
)

// Hangs is the [Stuck] of the scripts of a language: the last line tells of one that serves or watches files,
// or that has done its work and does not end.
func Hangs(language string) Stuck {
	return func(shown string, lines []string) *diagnosis.Diagnosis {
		if len(lines) == 0 {
			return nil
		}
		line := lines[len(lines)-1]
		d := &diagnosis.Diagnosis{ID: language + "/build-hangs", Waiting: true}
		switch {
		case serves.MatchString(line):
			d.Summary = fmt.Sprintf("`%s` started a server or waits for changes, and does not end.", shown)
			d.Hints = []string{"a build's command must end: start servers by the Procfile, and do not watch files"}
		case finished.MatchString(line):
			d.Summary = fmt.Sprintf("`%s` has done its work and does not end.", shown)
			d.Hints = []string{"something keeps it alive, such as a timer, a connection or a process that " +
				"it started: close it, or end the process"}
		default:
			return nil
		}
		d.Hints = append(d.Hints, "it said last: "+Clip(line, quotedBytes))
		return d
	}
}
