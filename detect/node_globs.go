package detect

import (
	"path"
	"slices"
	"strings"
)

// memberGlobs are the patterns of a workspace's members, by segment. A directory that an exclude pattern matches
// is no member, whatever the order of the patterns.
type memberGlobs struct{ include, exclude [][]string }

func newMemberGlobs(patterns []string) memberGlobs {
	var g memberGlobs
	for _, pattern := range patterns {
		pattern, negated := strings.CutPrefix(pattern, "!")
		for _, one := range braces(pattern) {
			one = inTree(one)
			for strings.Contains(one, "**/**") {
				one = strings.ReplaceAll(one, "**/**", "**")
			}
			switch {
			case one == "" || one == "." || strings.Count(one, "/") >= maxDepth:
			case negated:
				g.exclude = append(g.exclude, strings.Split(one, "/"))
			default:
				g.include = append(g.include, strings.Split(one, "/"))
			}
		}
	}
	return g
}

// match reports whether a directory, by segment, is a member if it holds a package.
func (g memberGlobs) match(dir []string) bool {
	matches := func(p []string) bool { return matchPath(p, dir, false) }
	return slices.ContainsFunc(g.include, matches) && !slices.ContainsFunc(g.exclude, matches) &&
		!slices.Contains(dir, "node_modules")
}

// maxBraces bounds how many patterns one with braces stands for.
const maxBraces = 64

// braces expands {a,b} in a pattern, within one another too.
func braces(pattern string) []string {
	from := strings.LastIndex(pattern, "{")
	if from < 0 {
		return []string{pattern}
	}
	inner, after, ok := strings.Cut(pattern[from+1:], "}")
	if !ok {
		return []string{pattern}
	}
	var all []string
	for choice := range strings.SplitSeq(inner, ",") {
		if all = append(all, braces(pattern[:from]+choice+after)...); len(all) > maxBraces {
			return all[:maxBraces]
		}
	}
	return all
}

// matchPath matches a path against a pattern segment by segment; `**` matches any number of them.
// With prefix, it reports whether something below the path could match.
func matchPath(pattern, dir []string, prefix bool) bool {
	switch {
	case len(dir) == 0:
		return prefix || !slices.ContainsFunc(pattern, func(p string) bool { return p != "**" })
	case len(pattern) == 0:
		return false
	case pattern[0] == "**":
		return prefix || matchPath(pattern[1:], dir, prefix) || matchPath(pattern, dir[1:], prefix)
	}
	ok, err := path.Match(pattern[0], dir[0])
	return err == nil && ok && matchPath(pattern[1:], dir[1:], prefix)
}
