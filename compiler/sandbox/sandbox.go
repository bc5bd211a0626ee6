// Package sandbox runs one child process with a fixed view of the world, and makes sure that
// nothing of it survives.
//
// Levels, best first. The level is probed once, by really running a child; a build says which in
// one line.
//
//   - bubblewrap: user, mount, pid, ipc, uts and cgroup namespaces. The child sees the host's
//     system directories and a few files of /etc, read-only, its own binds, and a private /tmp,
//     /dev and home in memory, under uid 1000 without capabilities. Its process namespace ends with
//     it.
//   - landlock: the same paths, enforced by the kernel's Landlock at their own names: no remapping.
//     A supervisor ends what the child leaves.
//   - none: the environment, the limits and the supervisor.
//
// What each level holds against a hostile child (b, l, n):
//
//	reading the host's environment, another process's          b l
//	reading keys, other apps' caches and repositories          b l
//	reaching the network with Network false                    b, l for TCP
//	reaching the host's own ports with Network true            none of them
//	writing outside its binds: directly, by link, by ..        b l
//	device nodes, setuid programs, capabilities                b l
//	ending, tracing or messaging the host's processes          b, l (signals from Landlock 6 on, tracing always)
//	leaving a daemon behind (two forks, setsid, nohup)         b l n
//	ignoring SIGTERM, sleeping for ever, endless output        b l n
//	filling memory by /tmp, /dev/shm or home                   b
//	filling the disk by a writable bind; memory; fork bombs    none of them: that is for the machine's quotas and cgroups
//
// The child's environment is exactly Spec.Env and PWD, which is Spec.Dir. Below bubblewrap, where
// /tmp is everybody's, TMPDIR names a private directory unless it is set elsewhere, and HOME does
// when Spec.Env's is not in a writable bind. Its stdin is empty unless given. Deadline and idle
// limit end it with an error that names the limit.
//
// Only uid 0 among the callers of Landlock and bubblewrap gives the child files that root owns;
// slugc is best run as an ordinary user.
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

// Bind shows a host path to the child. At level Bubblewrap it appears at Inside; at the other
// levels at Host (see Sandbox.Path).
type Bind struct {
	Host     string // absolute
	Inside   string // absolute
	Writable bool
}

// Limits end a child. Zero means no such limit.
type Limits struct {
	Deadline time.Duration // of the whole run
	Idle     time.Duration // without any output
	// bytes of output passed on; what follows is dropped with one line saying so (the child goes
	// on)
	Log int64
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
