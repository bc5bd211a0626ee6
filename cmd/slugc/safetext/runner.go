package safetext

import (
	"strings"
	"unicode"

	"slugc/detect/lazyregexp"
)

// Runner is the CI system that reads what slugc prints. Each takes some lines for commands: how is
// written down in the documentation of GitHub Actions ("Workflow commands"), Azure Pipelines
// ("Logging commands"), GitLab ("Custom collapsible sections"), TeamCity ("Service messages"),
// Buildkite ("Managing log output") and Travis ("folds"). The zero value is none of them.
type Runner struct {
	github, buildkite bool
	marks             []string // what a command looks like, anywhere in a line
}

// RunnerOf finds the runner by the variables that it sets.
func RunnerOf(getenv func(name string) string) Runner {
	var r Runner
	r.github, r.buildkite = getenv("GITHUB_ACTIONS") != "", getenv("BUILDKITE") != ""
	for _, of := range []struct {
		variable string
		marks    []string
	}{
		{"GITHUB_ACTIONS", []string{"##["}},
		{"TF_BUILD", []string{"##[", "##vso["}},
		{"GITLAB_CI", []string{"section_start:", "section_end:"}},
		{"TEAMCITY_VERSION", []string{"##teamcity["}},
		{"TRAVIS", []string{"travis_fold:", "travis_time:"}},
	} {
		if getenv(of.variable) != "" {
			r.marks = append(r.marks, of.marks...)
		}
	}
	return r
}

// GitHub reports whether the runner is GitHub Actions, or one that takes its commands.
func (r Runner) GitHub() bool { return r.github }

// commandStart matches what a runner skips before a command at the start of a line.
var commandStart = lazyregexp.New("^(?:\\pZ|\\pC\\[[0-9;:]*m|\\pC)*")

// Break puts a blank into what the runner would take for a command, so that it is shown instead.
func (r Runner) Break(s string) string {
	if !r.github && !r.buildkite && len(r.marks) == 0 {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = r.breakLine(l)
	}
	return strings.Join(lines, "\n")
}

func (r Runner) breakLine(l string) string {
	l = r.breakMarks(l)
	start := len(commandStart.FindString(l))
	switch rest := l[start:]; {
	case r.github && strings.HasPrefix(rest, "::"):
		return l[:start] + ": " + rest[1:]
	case r.buildkite && start == 0 && buildkite(rest):
		return " " + l
	}
	return l
}

// breakMarks puts a blank into each mark: after its first sign, or before the colon at its end.
func (r Runner) breakMarks(l string) string {
	var b strings.Builder
	from := 0
	for i := range len(l) {
		for _, mark := range r.marks {
			if len(l)-i < len(mark) || !strings.EqualFold(l[i:i+len(mark)], mark) {
				continue
			}
			cut := i + 1
			if mark[0] != '#' {
				cut = i + len(mark) - 1
			}
			b.WriteString(l[from:cut] + " ")
			from = cut
			break
		}
	}
	return b.String() + l[from:]
}

// buildkite reports whether a line starts a group of Buildkite's.
func buildkite(l string) bool {
	for _, sign := range []string{"---", "+++", "~~~", "^^^"} {
		if rest, ok := strings.CutPrefix(l, sign); ok && (rest == "" || unicode.IsSpace(rune(rest[0]))) {
			return true
		}
	}
	return false
}

// JSON is [Runner.Break] for a JSON document, which means the same afterwards.
func (r Runner) JSON(doc string) string {
	if len(r.marks) == 0 {
		return doc
	}
	return strings.NewReplacer("##", `\u0023\u0023`, "section_", `\u0073ection_`, "travis_", `\u0074ravis_`).
		Replace(doc)
}
