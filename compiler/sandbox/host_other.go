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

// volumes are the file systems that a child can write. On this system they are not looked at.
type volumes struct{}

func openVolumes([]string) *volumes { return nil }

func (*volumes) add([]string) {}

func (*volumes) look(Limits) *LimitError { return nil }
