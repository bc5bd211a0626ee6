package slug

import (
	"cmp"
	"slices"

	"slugc/cache/digest"
)

// SectionUse is a section that a [Store] keeps.
type SectionUse struct {
	Name, Key string
	Size      int64 // bytes of its segments
	Own       int64 // bytes of those that no other section uses
}

// Usage lists the kept sections by name and key, each once, and returns the bytes of the store's files.
func (s *Store) Usage() (list []SectionUse, files int64, err error) {
	x, err := readIndex(s.dir)
	if err != nil {
		return nil, 0, err
	}
	sizes, err := s.packSizes()
	if err != nil {
		return nil, 0, err
	}
	users := map[digest.Digest]int{}
	for _, r := range x.Records {
		for d := range r.digests() {
			users[d]++
		}
	}
	for _, r := range x.Records {
		use := SectionUse{Name: r.Name, Key: r.Key}
		for d := range r.digests() {
			use.Size += x.Segments[d].Size
			if users[d] == 1 {
				use.Own += x.Segments[d].Size
			}
		}
		list = append(list, use)
	}
	slices.SortFunc(list, func(a, b SectionUse) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key))
	})
	return list, total(sizes), nil
}

// digests are the record's segments, each once.
func (r record) digests() map[digest.Digest]bool {
	all := map[digest.Digest]bool{}
	for _, s := range r.Segments {
		all[s.Digest] = true
	}
	return all
}
