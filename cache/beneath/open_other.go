//go:build !linux

package beneath

// openBeneath opens a clean name below the directory without following links.
func openBeneath(dir int, name string, flags int, perm uint32) (int, error) {
	return openStepwise(dir, name, flags, perm)
}
