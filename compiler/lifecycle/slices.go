package lifecycle

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"slugc/cache/beneath"
)

// maxMatches is how many files and directories the patterns of slices may match.
const maxMatches = 10_000

// expandSlices finds the files of the slices that buildpacks of others have declared by patterns. As in the
// lifecycle, a file belongs to the first slice that has it. A slice without files is left out.
func (r *Result) expandSlices(app *beneath.Dir) error {
	var taken []string
	var kept []Slice
	for _, s := range r.Slices {
		if s.patterns == nil {
			kept = append(kept, s)
			taken = append(taken, s.Path)
			continue
		}
		for _, pattern := range s.patterns {
			matches, err := glob(app, pattern)
			if err != nil {
				return fmt.Errorf("reading the slice %q: pattern %q: %w", s.Path, pattern, err)
			}
			for _, m := range matches {
				has := func(dir string) bool { return within(m, dir) }
				if !slices.ContainsFunc(taken, has) && !slices.ContainsFunc(s.Paths, has) {
					s.Paths = append(s.Paths, m)
				}
			}
		}
		s.patterns = nil
		if len(s.Paths) > 0 {
			kept = append(kept, s)
			taken = append(taken, s.Paths...)
		}
		if len(taken) > maxMatches {
			return fmt.Errorf("reading the slice %q: the slices match more than %d files", s.Path, maxMatches)
		}
	}
	r.Slices = kept
	return nil
}

// glob returns the files and directories of the app that match a pattern of [path.Match], sorted. A pattern that
// leads out of the app matches nothing; neither does one into slugc's own directories.
func glob(app *beneath.Dir, pattern string) (matches []string, err error) {
	pattern = path.Clean(pattern)
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, err
	}
	matches = []string{"."}
	for part := range strings.SplitSeq(pattern, "/") {
		var next []string
		for _, dir := range matches {
			entries, err := app.ReadDir(dir)
			if beneath.Missing(err) || errors.Is(err, beneath.ErrLink) {
				continue
			}
			if err != nil {
				return nil, beneath.Reason(err)
			}
			for _, e := range entries {
				if ok, _ := path.Match(part, e.Name); ok && (dir != "." || !reserved(e.Name)) {
					next = append(next, path.Join(dir, e.Name))
				}
			}
			if len(next) > maxMatches {
				return nil, fmt.Errorf("it matches more than %d files", maxMatches)
			}
		}
		matches = next
	}
	return matches, nil
}

// reserved reports whether a name in the app directory is slugc's own.
func reserved(name string) bool { return name == layersName || name == ".slugc" }

// within reports whether a path is dir or below it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
