package lifecycle

import (
	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
	"slugc/compiler/sandbox"
)

// Network is which steps of a build have the network.
type Network string

// The values of [Network]; "" is FullNetwork.
const (
	FullNetwork    Network = "full"    // all
	InstallNetwork Network = "install" // what fetches toolchains and dependencies; no scripts of the app
	NoNetwork      Network = "none"    // none
)

// steps returns how the buildpacks start their commands, and whether they start them as steps of the sandbox.
func (n Network) steps(box *sandbox.Sandbox) (s extension.Steps, own bool) {
	switch n {
	case InstallNetwork:
		s.Online.Prefix = box.Step(false)
		s.Offline = command.Step{Prefix: box.Step(true), Hint: "build scripts have no network (--network install)"}
		return s, true
	case NoNetwork:
		s.Online.Hint = "the build has no network (--network none)"
		if box.Level() == sandbox.None {
			s.Online.Prefix = box.Step(true)
		}
		s.Offline = s.Online
	}
	return s, false
}
