package slug

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// placed is a section with its place in the slug worked out.
type placed struct {
	Section
	roots []string // paths relative to the app that it holds with all below them, sorted; none within another
	holes []string // roots of other sections inside its own, sorted: they are left out of it
	kept  record   // what is put in from the store, if Dir is ""
}

// host gives the path on this machine of p, which is relative to the app.
func (s placed) host(p string) string {
	rel := strings.TrimPrefix(strings.TrimPrefix(p, s.Prefix), "/")
	return filepath.Join(s.Dir, filepath.FromSlash(rel))
}

// place works out where sections lie: each one's roots and holes, and the directories above all
// roots, sorted. Those directories come first in the slug, once, so that no section's bytes depend
// on which other sections there are.
func place(sections []Section, kept func(Section) (record, error)) (all []placed, parents []string, err error) {
	names := map[string]bool{}
	for _, s := range sections {
		if s.Name == "" || names[s.Name] {
			return nil, nil, fmt.Errorf("packing section %q: the name is empty or taken", s.Name)
		}
		names[s.Name] = true
		p := placed{Section: s}
		if p.roots, err = rootsOf(s); err != nil {
			return nil, nil, err
		}
		if s.Dir == "" {
			r, err := kept(s)
			if err != nil {
				return nil, nil, err
			}
			if r.Prefix != s.Prefix || s.Include != nil && !slices.Equal(p.roots, r.Roots) {
				return nil, nil, fmt.Errorf("packing section %q: it was kept for another place in the slug", s.Name)
			}
			p.roots, p.kept = r.Roots, r
		}
		all = append(all, p)
	}
	if err := findHoles(all); err != nil {
		return nil, nil, err
	}
	return all, parentsOf(all), nil
}

// rootsOf gives the roots of a section, relative to the app.
func rootsOf(s Section) ([]string, error) {
	if s.Prefix != "" && !validPath(s.Prefix) {
		return nil, fmt.Errorf("packing section %q: prefix %q is not a clean relative path", s.Name, s.Prefix)
	}
	for _, p := range slices.Concat(s.Include, s.Exclude) {
		if !validPath(p) {
			return nil, fmt.Errorf("packing section %q: %q is not a clean relative path", s.Name, p)
		}
	}
	if s.Include == nil {
		return []string{s.Prefix}, nil
	}
	roots := make([]string, 0, len(s.Include))
	for _, p := range s.Include {
		roots = append(roots, path.Join(s.Prefix, p))
	}
	slices.SortFunc(roots, compare)
	return slices.CompactFunc(roots, func(a, b string) bool { return within(b, a) }), nil
}

// findHoles notes in each section the roots of others that lie inside its own.
func findHoles(all []placed) error {
	for i := range all {
		for j := range all {
			if i == j {
				continue
			}
			for _, root := range all[i].roots {
				for _, other := range all[j].roots {
					if root == other {
						return fmt.Errorf(
							"packing sections %q and %q: both hold %q",
							all[i].Name,
							all[j].Name,
							appDir+root,
						)
					}
					if within(other, root) {
						all[i].holes = append(all[i].holes, other)
					}
				}
			}
		}
		slices.SortFunc(all[i].holes, compare)
	}
	return nil
}

// parentsOf gives the directories above all roots and above the manifest, sorted, the app itself
// ("") first.
func parentsOf(all []placed) []string {
	set := map[string]bool{}
	add := func(p string) {
		for p != "" {
			if p = path.Dir(p); p == "." {
				p = ""
			}
			set[p] = true
		}
	}
	add(manifestPath)
	for _, s := range all {
		for _, root := range s.roots {
			add(root)
		}
	}
	parents := make([]string, 0, len(set))
	for p := range set {
		parents = append(parents, p)
	}
	slices.SortFunc(parents, compare)
	return parents
}

// excluded gives the paths, relative to the app, that a walk of the section leaves out.
func (s placed) excluded() map[string]bool {
	out := map[string]bool{manifestPath: true}
	for _, p := range s.Exclude {
		out[path.Join(s.Prefix, p)] = true
	}
	for _, p := range s.holes {
		out[p] = true
	}
	return out
}

// compare orders paths as less does.
func compare(a, b string) int {
	switch {
	case a == b:
		return 0
	case less(a, b):
		return -1
	}
	return 1
}
