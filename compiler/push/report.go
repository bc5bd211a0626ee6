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

// report is the report for the pusher: the release, its process types and how they differ from
// those of the release before, and the slug.
func (h *Hook) report(rec *Record, result *compiler.Result, before *release.Release) []string {
	branch := refName(rec.Refs[0].Ref)
	lines := []string{fmt.Sprintf("Released %s v%d (%s %s)", rec.App, rec.Version, branch, shortID(rec.commit()))}
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

// changes lists how the process types differ, one a line.
func changes(before, now procfile.ProcessMap) (lines []string) {
	for _, p := range now {
		priorSuffix, had := before.Command(p.Type)
		switch {
		case !had:
			lines = append(lines, fmt.Sprintf("new: %s: %s", p.Type, p.Command))
		case priorSuffix != p.Command:
			lines = append(lines, fmt.Sprintf("changed: %s: %s (before: %s)", p.Type, p.Command, priorSuffix))
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

// difference compares a slug's size with that of a release.
func difference(bytes int64, version int) string {
	switch {
	case bytes > 0:
		return fmt.Sprintf("%s more than v%d", report.Bytes(bytes), version)
	case bytes < 0:
		return fmt.Sprintf("%s less than v%d", report.Bytes(-bytes), version)
	}
	return fmt.Sprintf("as large as v%d", version)
}
