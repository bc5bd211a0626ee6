package push

import (
	"fmt"
	"slices"
	"strings"

	"slugc/compiler"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/report"
)

// report is what the pusher is told at the end: the release, its process types, how they differ
// from those of the release before, and the slug.
func (h *Hook) report(rec *Record, result *compiler.Result, before *release.Release) []string {
	first := fmt.Sprintf("Released %s v%d (%s %s)", rec.App, rec.Version, name(rec.Refs[0].Ref), short(rec.commit()))
	lines := []string{first}
	if types := typesOf(result.ProcessTypes); len(types) > 0 {
		lines = append(lines, strings.Join(types, ", "))
	}
	size := report.Bytes(result.Slug.Size)
	if before != nil {
		lines = append(lines, changes(before.ProcessTypes, result.ProcessTypes)...)
		size += ", " + difference(result.Slug.Size-before.Slug.Size, before.Version)
	}
	return append(lines, size, result.Slug.Digest.String())
}

func typesOf(processes procfile.ProcessMap) (types []string) {
	for _, p := range processes {
		types = append(types, p.Type)
	}
	return types
}

// changes says how the process types differ, one a line.
func changes(before, now procfile.ProcessMap) (lines []string) {
	for _, p := range now {
		former, had := before.Command(p.Type)
		switch {
		case !had:
			lines = append(lines, fmt.Sprintf("new: %s: %s", p.Type, p.Command))
		case former != p.Command:
			lines = append(lines, fmt.Sprintf("changed: %s: %s (before: %s)", p.Type, p.Command, former))
		}
	}
	types := typesOf(now)
	for _, p := range before {
		if !slices.Contains(types, p.Type) {
			lines = append(lines, fmt.Sprintf("removed: %s: %s", p.Type, p.Command))
		}
	}
	return lines
}

// difference says how a slug's size differs from that of a release.
func difference(bytes int64, version int) string {
	switch {
	case bytes > 0:
		return fmt.Sprintf("%s more than v%d", report.Bytes(bytes), version)
	case bytes < 0:
		return fmt.Sprintf("%s less than v%d", report.Bytes(-bytes), version)
	}
	return fmt.Sprintf("as large as v%d", version)
}
