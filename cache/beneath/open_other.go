//go:build !linux

package beneath

// openBeneath opens a clean name below the directory without following links.
func openBeneath(dir int, name string, flags int, perm uint32) (int, error) {
	return openStepwise(dir, name, flags, perm)
}

// HasDir reports whether the name is that of a directory.
func (d *Dir) HasDir(name string) bool {
	s, err := d.Lstat(name)
	return err == nil && IsDir(s)
}
