package slug

// Has reports whether the store has the section of that name and key with all its segments.
func (s *Store) Has(section, key string) (bool, error) {
	x, err := readIndex(s.dir)
	if err != nil {
		return false, err
	}
	r, ok := x.find(section, key)
	if !ok || key == "" {
		return false, nil
	}
	return s.holds(x, r)
}
