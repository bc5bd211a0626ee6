package slug

import "strings"

// Kept gives the keys of the kept sections whose name starts with prefix, by the rest of the name:
// what Pack can put into a slug without files (Has). Of several keys of a section it gives the
// latest.
func (s *Store) Kept(prefix string) (map[string]string, error) {
	x, err := readIndex(s.dir)
	if err != nil {
		return nil, err
	}
	kept := map[string]string{}
	for _, r := range x.Records {
		if name, ok := strings.CutPrefix(r.Name, prefix); ok && r.Key != "" && s.holds(x, r) {
			kept[name] = r.Key
		}
	}
	return kept, nil
}
