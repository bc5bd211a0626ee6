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
// At all levels the child has a session keyring of its own. At the first two, a filter (package seccomp)
// denies the system calls that no build needs. At the first, Landlock's scopes (version 6, Linux 6.12) keep
// abstract sockets out, which belong to the network that the child shares; an older kernel permits them. At
// the second, a child cannot make Unix sockets, apart from connected pairs: Landlock knows those with a
// path only from version 9 on.
//
// What each level (b, l, n) prevents a hostile child from doing; a test tries each row:
//
//	reading the environment or memory of another process       b l
//	reading keys, other apps' caches and repositories          b l
//	reading and adding to the caller's keyrings                b l
//	reaching the network with Network false                    b l
//	reaching the host's own ports with Network true            none of them
//	connecting to an abstract Unix socket of the host          b l
//	connecting to a Unix socket of the host by its path        b l
//	writing outside its binds: directly, by link, by ..        b l
//	changing the mode and times of the caller's files          b
//	extended attributes, file capabilities                     b l
//	setuid and setgid files                                    b l
//	device nodes, capabilities                                 b l
//	keyctl, bpf, perf, io_uring, userfaultfd, rare sockets     b l
//	typing into the caller's terminal                          b l
//	ending, tracing or signalling the host's processes         b l
//	leaving a daemon behind (two forks, setsid, nohup)         b l n
//	ignoring SIGTERM, sleeping for ever, endless output        b l n
//	more memory, processes or disk than its limits             b l n
//
// # Limits
//
// Memory, processes and the share of the processor are bounded by a control group (package cgroup)
// where one can be made. Elsewhere the processes are counted several times a second, RLIMIT_NPROC keeps
// those of an ordinary user at twice the limit until then, and nice(2) makes them give way. The disk is
// looked at as often: what the file systems of the writable binds have left, and, when much of it is
// gone, what the child has written. [Sandbox.Bounds] says which it is.
//
// # Steps
//
// A child with Spec.Steps starts each of its programs with the network, or without it, by a command line that
// begins with [Sandbox.Step]. At level bubblewrap such a child has CAP_SYS_ADMIN and CAP_NET_ADMIN in its user
// namespace, for nothing else than the network namespaces of its steps: the filter denies what else they
// would permit. So the child must be slugc itself, every program that it starts a step, which has no
// capabilities, and its memory closed to them (PR_SET_DUMPABLE in prctl(2)). It is the first process of its
// process namespace. A step without network has loopback there. At level landlock, and for an ordinary user
// at level none, it can make no IPv4 and IPv6 sockets. [Sandbox.Offline] says which it is. At level none, a
// step that means to can return to the network.
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

// Limits end a child; Log only cuts its output off. Zero means no limit. Those of memory, processes and disk
// hold for all processes of the child together; [Sandbox.Bounds] says by what means.
type Limits struct {
	Deadline  time.Duration // for the whole run
	Idle      time.Duration // without any output
	Log       int64         // bytes of output passed on; the rest is dropped, and one line says so
	Memory    int64         // bytes
	Processes int64         // threads count too
	Disk      int64         // bytes added to the writable binds
	// KeepFree leaves part of the disk free: a twentieth of its bytes and inodes, at most 10 GB, and at most
	// a quarter of what was free at the start.
	KeepFree bool
}

// Spec is one child.
type Spec struct {
	Args    []string // argv; Args[0] is a path as the child sees it
	Dir     string   // working directory as the child sees it
	Env     []string // the whole environment, K=V
	Binds   []Bind   // applied in order; a later one may lie inside an earlier one
	Network bool     // false: no network but loopback, where the level can prevent it
	// Steps lets the child start programs by [Sandbox.Step]. It needs Network, and the binary among Binds.
	Steps  bool
	Stdin  io.Reader
	Stdout io.Writer // called from one goroutine at a time
	Stderr io.Writer // may be the same writer as Stdout
	Limits Limits
}
