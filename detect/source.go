package detect

import (
	"fmt"
	"slices"
	"strings"
)

// source is one place that says which version of a tool an app needs.
type source struct {
	from       string // as in Requirement.From
	text       string // what is written there, for messages
	constraint string // in the tool's grammar
	exact      bool
	hash       string
	bad        error // why the text is not a constraint
}

// at sets where a source was read.
func (src source) at(from, text string) source {
	src.from, src.text = from, text
	return src
}

// invalid is the error for a source that is not what it should be, such as "a Ruby version".
func (src source) invalid(id, what string, hint string) *Error {
	return &Error{
		ID: id, Place: src.from,
		Summary: fmt.Sprintf("%s is %q, which is not %s: %v", src.from, src.text, what, src.bad),
		Hints:   []string{hint},
	}
}

// compatibility reports whether one version can satisfy two sources.
type compatibility func(winner, loser source) bool

// choose makes the first source the requirement and warns of every later one that is incompatible
// with it or can't be parsed. The sources are in order of precedence. choose returns the first one,
// too, so that the caller can report one that is bad; it is nil if there are no sources.
func (s *scan) choose(tool string, sources []source, compatible compatibility) (Requirement, *source) {
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
			s.warn("%s says %q, which is not %s version; using %s", loser.from, loser.text, withArticle(tool),
				using(winner, loser))
		case loser.constraint != winner.constraint && !compatible(winner, loser):
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

// using names the winner's file, or its field where both sources are in one file.
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
	return []source{parse(text).at(name, text)}
}

// fileSource reads a version file (.nvmrc, .ruby-version …): one line besides comments.
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
	return []source{src.at(name, lines[0])}
}
