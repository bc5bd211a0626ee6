package slug

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/cache/beneath"
)

// placement is a section and its place in the slug. Paths are relative to the app and sorted.
type placement struct {
	Section
	roots []string // it holds these and everything below them; none lies within another
	holes []string // roots of other sections within its own: left out of it
	kept  record   // the section in the store, if Dir is ""

	within *beneath.Dir // the open directory Within, if Dir is not ""
	base   string       // Dir below it
}

// openSections opens the directories that the sections are read from. They stay open for the whole pack.
func openSections(all []placement) error {
	for i := range all {
		s := &all[i]
		if s.Dir == "" {
			continue
		}
		if s.Within == "" {
			s.Within = s.Dir
		}
		var err error
		if s.base, err = filepath.Rel(s.Within, s.Dir); err != nil || !filepath.IsLocal(s.base) {
			return fmt.Errorf("packing section %q: %q does not lie in %q", s.Name, s.Dir, s.Within)
		}
		if s.within, err = beneath.Open(s.Within); err != nil {
			return fmt.Errorf("packing section %q: %w", s.Name, err)
		}
	}
	return nil
}

// closeSections closes what openSections has opened.
func closeSections(all []placement) {
	for _, s := range all {
		if s.within != nil {
			s.within.Close()
		}
	}
}

// place returns the path below Within of p, which is relative to the app.
func (s placement) place(p string) string {
	return path.Join(s.base, strings.TrimPrefix(strings.TrimPrefix(p, s.Prefix), "/"))
}

// host returns the path on this machine of p, for messages.
func (s placement) host(p string) string { return filepath.Join(s.Within, s.place(p)) }

// fail is the error for p, which cannot be examined or opened.
func (s placement) fail(op, p string, err error) error {
	reason := beneath.Reason(err)
	if errors.Is(reason, beneath.ErrLink) {
		return LinkFault(p)
	}
	return fmt.Errorf("%s %q: %w", op, s.host(p), reason)
}

// placeSections finds each section's roots and holes, and the directories above all roots, sorted.
// Those directories come first in the slug, once, so that no section's bytes depend on which other
// sections there are.
func placeSections(
	sections []Section,
	kept func(Section) (record, error),
) (all []placement, parents []string, err error) {
	names := map[string]bool{}
	for _, s := range sections {
		if s.Name == "" || names[s.Name] {
			return nil, nil, fmt.Errorf("packing section %q: the name is empty or taken", s.Name)
		}
		names[s.Name] = true
		p := placement{Section: s}
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

// rootsOf returns the roots of a section, relative to the app.
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

// findHoles sets the holes of each section.
func findHoles(all []placement) error {
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

// parentsOf returns the directories above all roots and above the manifest, sorted; the app itself,
// "", comes first.
func parentsOf(all []placement) []string {
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
	return slices.SortedFunc(maps.Keys(set), compare)
}

// excluded returns the paths, relative to the app, that a walk of the section leaves out.
func (s placement) excluded() map[string]bool {
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
