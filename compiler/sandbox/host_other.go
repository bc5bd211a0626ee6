//go:build !linux

package sandbox

import "errors"

func (s *Sandbox) startBwrap(Spec, stdio) (child, error) {
	return nil, errors.New("bubblewrap runs on Linux only")
}

func supportsLandlock() error { return errors.New("landlock is in Linux only") }

func closeInherited() {}
