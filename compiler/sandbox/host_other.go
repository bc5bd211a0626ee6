//go:build !linux

package sandbox

import (
	"errors"

	"slugc/compiler/sandbox/supervise"
)

func (s *Sandbox) startBwrap(Spec, stdio, *supervise.Isolation, *supervise.Ready) (child, error) {
	return nil, errors.New("bubblewrap runs on Linux only")
}

func supportsLandlock() error { return errors.New("landlock is in Linux only") }

func closeInherited() {}

func scopes() bool { return false }

// volume is one file system that a child can write. On this system it is not looked at.
type volume struct{}

func openVolumes([]string) []*volume { return nil }

func (*volume) look(Limits) *LimitError { return nil }
