// Package sandbox runs one child process with a fixed view of the machine and with limits, and ends
// everything that the child has started.
//
//	box, err := sandbox.Probe(ctx, sandbox.ProbeOptions{Self: "/usr/bin/slugc"})
//	err = box.Run(ctx, sandbox.Spec{
//		Args:   []string{"/bin/sh", "-c", "make"},
//		Dir:    "/app",
//		Env:    []string{"PATH=/usr/bin:/bin"},
//		Binds:  []sandbox.Bind{{Host: "/srv/blog", Inside: "/app", Writable: true}},
//		Stdout: os.Stdout,
//		Limits: sandbox.Limits{Deadline: time.Hour},
//	})
//
// [Probe] finds the best [Level] that works on this machine by running a child at it. [Sandbox.Run]
// runs a [Spec] and returns nil, an [ExitError] or a [LimitError]. The process supervision itself is in
// package supervise.
//
// # Levels
//
// The best first:
//
//   - bubblewrap: user, mount, pid, ipc, uts and cgroup namespaces. The child sees the host's system
//     directories and a few files of /etc, read-only, its own binds, and a private /tmp, /dev and home in
//     memory, under uid 1000 without capabilities. Its process namespace ends with it.
//   - landlock: the same paths, enforced by the kernel's Landlock at their own names, without remapping.
//     A supervisor ends what the child leaves behind.
//   - none: the environment, the limits and the supervisor.
//
// What each level (b, l, n) prevents a hostile child from doing:
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
//	filling the disk by a writable bind; memory; fork bombs    none of them: use the machine's quotas and cgroups
//
// # Environment
//
// The child's environment is exactly Spec.Env and PWD, which is Spec.Dir. Below level bubblewrap, where
// all processes share /tmp, TMPDIR names a private directory unless Spec.Env sets it to another place,
// and HOME names one when Spec.Env's HOME is in no writable bind. The child's stdin is empty unless
// Spec.Stdin is set.
//
// When slugc runs as root, files that the child makes belong to root. Run slugc as an ordinary user.
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

// Bind shows a host path to the child: at level Bubblewrap at the path Inside, at the other levels at
// Host. [Sandbox.Path] returns which. A system directory's own content at its own place needs none, and is
// not bound.
type Bind struct {
	Host     string // absolute
	Inside   string // absolute
	Writable bool
}

// Limits end a child; Log only cuts its output off. Zero means no limit.
type Limits struct {
	Deadline time.Duration // for the whole run
	Idle     time.Duration // without any output
	Log      int64         // bytes of output passed on; the rest is dropped, and one line says so
}

// Spec is one child.
type Spec struct {
	Args    []string // argv; Args[0] is a path as the child sees it
	Dir     string   // working directory as the child sees it
	Env     []string // the whole environment, K=V
	Binds   []Bind   // applied in order; a later one may lie inside an earlier one
	Network bool     // false: no network but loopback, where the level can prevent it
	Stdin   io.Reader
	Stdout  io.Writer // called from one goroutine at a time
	Stderr  io.Writer // may be the same writer as Stdout
	Limits  Limits
}
