//go:build !linux

package sandbox

import "errors"

func (s *Sandbox) startBwrap(Spec, stdio) (child, error) {
	return nil, errors.New("bubblewrap is for Linux alone")
}

func supportsLandlock() error { return errors.New("Landlock is for Linux alone") }

func keepFiles() {}
