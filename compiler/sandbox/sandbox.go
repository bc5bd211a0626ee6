// Package sandbox runs one child process with a fixed view of the world, and makes sure that nothing of it survives.
//
// Levels, best first: bubblewrap (mount, pid, ipc, uts, user namespaces: host system directories read-only, a root of its own with only what is
// bound, private /tmp and /dev, new session, nothing survives the build); landlock (the same paths enforced by the kernel's Landlock,
// same process group killed at the end, no path remapping); none (only the environment, limits and the process group). The level is probed once, by really running
// a child; a build says which in one line.
//
// The child's environment is exactly Spec.Env. Its stdin is empty unless given. Deadline, idle-output limit and log limit end it with an error that
// names the limit.
package sandbox

import (
	"io"
	"time"
)

// Level is how strong the sandbox is.
type Level string

// The levels.
const (
	Bubblewrap Level = "bubblewrap"
	Landlock   Level = "landlock"
	None       Level = "none"
)

// Bind shows a host path to the child. At level Bubblewrap it appears at Inside; at the other levels at Host (see Sandbox.Path).
type Bind struct {
	Host     string // absolute
	Inside   string // absolute
	Writable bool
}

// Limits end a child. Zero means no such limit.
type Limits struct {
	Deadline time.Duration // of the whole run
	Idle     time.Duration // without any output
	Log      int64         // bytes of output passed on; what follows is dropped with one line saying so (the child goes on)
}

// Spec is one child.
type Spec struct {
	Args    []string // argv; Args[0] is a path as the child sees it
	Dir     string   // working directory as the child sees it
	Env     []string // the whole environment, K=V
	Binds   []Bind   // applied in order; a later one may lie inside an earlier one
	Network bool     // false: no network but loopback, where the level can
	Stdin   io.Reader
	Stdout  io.Writer // called from one goroutine at a time
	Stderr  io.Writer // may be the same writer as Stdout
	Limits  Limits
}
