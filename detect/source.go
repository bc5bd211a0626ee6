package detect

import (
	"fmt"
	"slices"
	"strings"
)

// source is one place that says which version of a tool an app wants.
type source struct {
	from       string // as in Requirement.From
	text       string // what is written there, for messages
	constraint string // in the tool's grammar
	exact      bool
	hash       string
	bad        error // why the text is no constraint
}

// agreement reports whether two sources can be satisfied by one version.
type agreement func(winner, loser source) bool

// choose takes the first source for a requirement and warns of every later one that disagrees or
// can't be understood. sources stand in their order of precedence. The first source being bad is
// the caller's error to tell: choose returns it as it is.
func (s *scan) choose(tool string, sources []source, agree agreement) (Requirement, *source) {
	if len(sources) == 0 {
		return Requirement{Tool: tool, From: "default"}, nil
	}
	winner := sources[0]
	if winner.bad != nil {
		return Requirement{}, &winner
	}
	for _, loser := range sources[1:] {
		switch {
		case loser.bad != nil:
			s.warn("%s says %q, which is no %s version; using %s", loser.from, loser.text, tool, using(winner, loser))
		case loser.constraint != winner.constraint && !agree(winner, loser):
			s.warn("%s asks for %s and %s says %s; using %s", winner.from, winner.text, loser.from, loser.text,
				using(winner, loser))
		}
	}
	return Requirement{
		Tool:       tool,
		Constraint: winner.constraint,
		From:       winner.from,
		Exact:      winner.exact,
		Hash:       winner.hash,
	}, &winner
}

// using names the winner's file alone, or more where both are in one file.
func using(winner, loser source) string {
	file, field, _ := strings.Cut(winner.from, " ")
	if other, _, _ := strings.Cut(loser.from, " "); other == file && field != "" {
		return field
	}
	return file
}

// envSource reads a version from the build configuration.
func (s *scan) envSource(name string, parse func(string) source) []source {
	text := strings.TrimSpace(s.env[name])
	if text == "" {
		return nil
	}
	src := parse(text)
	src.from, src.text = name, text
	return []source{src}
}

// fileSource reads a version file of one meaningful line (.nvmrc, .ruby-version …).
func (s *scan) fileSource(name string, parse func(string) source) []source {
	lines, ok := s.lines(name)
	if !ok {
		return nil
	}
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	if len(lines) == 0 {
		return nil
	}
	src := parse(lines[0])
	if len(lines) > 1 {
		src.bad = fmt.Errorf("%d lines where one version is expected", len(lines))
	}
	src.from, src.text = name, lines[0]
	return []source{src}
}
