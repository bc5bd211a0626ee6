//go:build !linux

package beneath

// Born returns 0: when the directory was made is not known.
func (d *Dir) Born() int64 { return 0 }
