// Package supervise starts one process and ends all that it has started.
//
//	p, err := supervise.Start(supervise.Request{
//		Self: "/usr/bin/slugc", Args: []string{"/bin/sh", "-c", "make"}, Dir: "/srv/app", Grace: 30 * time.Second,
//	})
//	p.Signal(syscall.SIGTERM) // to the process and all its descendants; after Grace, SIGKILL
//	status, err := p.Wait()   // nothing is left
//
// On Linux, [Start] puts a supervisor between slugc and the process: a second copy of the slugc binary
// ([Request].Self), started with hidden arguments that [Main] answers to. The supervisor is a child
// subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): whatever the process leaves behind, after two forks and in
// a session of its own, becomes the supervisor's child, and the supervisor ends it. It also holds one end
// of a pipe. When slugc ends, for whatever reason, the supervisor reads the end of that pipe and kills all.
//
// Without Request.Self, and on other systems, the process only gets a session of its own, and Start ends
// the process group of that session. A process that has left the group survives.
//
// The package shows the process no other view of the machine: package sandbox does that.
package supervise

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"slugc/compiler/sandbox/cgroup"
)

// killTimeout is how long to wait for the end of killed processes: one may be stuck in the kernel.
const killTimeout = 10 * time.Second

// Request is one process to start.
type Request struct {
	Self    string     `json:"-"`    // absolute path of the slugc binary; "" ends only the process group
	Args    []string   `json:"args"` // argv; Args[0] is an absolute path
	Dir     string     `json:"dir"`  // working directory, absolute
	Env     []string   `json:"env"`  // the whole environment, K=V
	Stdin   *os.File   `json:"-"`    // nil is /dev/null
	Stdout  *os.File   `json:"-"`    // nil is /dev/null
	Stderr  *os.File   `json:"-"`    // nil is /dev/null
	Inherit []*os.File `json:"-"`    // its files from number 3 on

	// Terminal keeps the process in the caller's session and process group, so that its terminal works.
	Terminal bool `json:"terminal"`
	// Grace is the time from the first SIGTERM, SIGINT or SIGHUP to SIGKILL; 0 kills at once.
	Grace time.Duration `json:"grace"`
	// Linger sends what the process leaves behind SIGTERM, and SIGKILL only after Grace.
	Linger bool `json:"linger"`
	// Files is the most open files, and forbids core files; 0 changes neither. It needs Self.
	Files uint64 `json:"files,omitempty"`
	// Remove is a directory that is removed with the process, even if slugc is killed. It needs Self.
	Remove string `json:"remove"`
	// Isolation sets the process apart; nil does not. It needs Self.
	Isolation *Isolation `json:"isolation,omitempty"`
	// Rules restrict the process by Landlock and seccomp; nil does not. They need Self.
	Rules *Rules `json:"rules,omitempty"`
	// Mount shows the process another directory in the place of one; nil does not.
	Mount *Mount `json:"mount,omitempty"`
	// Overlay puts a directory together for the process; nil does not. It needs Self, and Start fails with
	// [ErrNoMount] where the kernel permits no such mount.
	Overlay *Overlay `json:"overlay,omitempty"`
	// Root gives the process a root directory of its own, after Mount and Overlay; nil does not. It needs Self, and
	// Start fails with [ErrNoMount] where the kernel permits none.
	Root *Root `json:"root,omitempty"`
	// Ready is a supervisor that [Prepare] has started with the same Self, Terminal and Isolation; nil starts one.
	Ready *Ready `json:"-"`
}

// ErrNoMount is wrapped by the error of [Start] where an [Overlay] or a [Root] cannot be mounted.
var ErrNoMount = errors.New("the kernel permits no such mount here")

// Overlay is a directory that the process, and nobody else, sees: what the lower directories hold, and over it
// what the process itself writes (overlayfs, Linux 5.11; Documentation/filesystems/overlayfs.rst). The names,
// of which none may hold a colon, a comma or a backslash, are relative to Dir.
type Overlay struct {
	Dir   string   `json:"dir"`   // absolute
	Lower []string `json:"lower"` // stay as they are; the uppermost first; links are followed
	Upper string   `json:"upper"` // takes what the process writes
	Work  string   `json:"work"`  // an empty directory beside Upper, for the kernel
	To    string   `json:"to"`    // absolute: where the process sees it
}

// Root is a root directory that the process, and nobody else, sees: all that the host's has, and over it the binds.
// Nothing new can be made in it.
type Root struct {
	Stage string `json:"stage"` // absolute: a directory of the caller's, to put it together on
	Binds []Bind `json:"binds"`
}

// Bind shows a directory or file of the host, with all that is mounted in it, at a name in a [Root].
type Bind struct {
	From string `json:"from"` // absolute
	To   string `json:"to"`   // absolute, one name: "/app"
}

// Mount is a directory that the process, and nobody else, sees in the place of another.
type Mount struct {
	From string `json:"from"` // absolute
	To   string `json:"to"`   // absolute: a directory
	// Else is added to the environment instead, K=V, where the kernel permits no mount, and without Self.
	Else []string `json:"else"`
}

// Isolation is what a process inherits from the thread that starts it. What the kernel lacks is left out.
type Isolation struct {
	Keyring bool        `json:"keyring"`        // a session keyring of its own, keyrings(7)
	Scopes  bool        `json:"scopes"`         // no abstract Unix sockets, no signals outside (Landlock version 6)
	Group   cgroup.Join `json:"group"`          // the control group it is in
	Nice    int         `json:"nice,omitempty"` // added to its niceness
	// Threads is how many threads its user may have more than now (RLIMIT_NPROC in getrlimit(2)); 0 sets no
	// limit. It does not bind root.
	Threads int64 `json:"threads,omitempty"`
}

// Rules are what Landlock permits the process. Paths are absolute; those that do not exist are ignored. A
// directory stands for all that is in it.
type Rules struct {
	Read    []string `json:"read"`    // paths to read and execute
	Write   []string `json:"write"`   // paths for everything except making device nodes
	Network bool     `json:"network"` // false: no sockets of IPv4 and IPv6
}

// Status is how the process itself ended.
type Status struct {
	Code   int            // as in a shell: 128+n when signal n ended the process
	Signal syscall.Signal // 0 when it exited
}

// Process is a started process with all its descendants. Many goroutines may call its methods.
type Process struct {
	Pid     int // of the process itself
	Root    int // of the process that all of these descend from: the supervisor, else the process itself
	control control
	done    chan struct{}
	status  Status
	err     error
}

// control is one way to supervise.
type control interface {
	signal(syscall.Signal)
	wait() (Status, error)
}

// Start starts the process. The error says why it cannot start: no such file, no permission, a bad
// working directory.
func Start(r Request) (*Process, error) {
	if len(r.Args) == 0 || len(r.Args[0]) == 0 || r.Args[0][0] != '/' {
		return nil, fmt.Errorf("starting %q: not an absolute path", r.Args)
	}
	start := startGroup
	if r.Self != "" {
		start = startSupervised
	} else if r.Rules != nil || r.Isolation != nil || r.Overlay != nil || r.Root != nil {
		return nil, fmt.Errorf("starting %q: isolation needs the path of the slugc binary", r.Args[0])
	}
	p := &Process{done: make(chan struct{})}
	pid, c, err := start(r)
	if err != nil {
		return nil, fmt.Errorf("starting %q: %w", r.Args[0], err)
	}
	p.Pid, p.Root, p.control = pid, pid, c
	if s, ok := c.(interface{ root() int }); ok {
		p.Root = s.root()
	}
	go func() {
		p.status, p.err = c.wait()
		close(p.done)
	}()
	return p, nil
}

// Prepare starts the supervisor of a process that is not known yet, and does not wait for it: to start and to
// enter control groups takes it some milliseconds. Of r, only Self, which it needs, Terminal and Isolation count.
// Give the result to [Start], or Close it. A supervisor without a process ends with slugc.
func Prepare(r Request) (*Ready, error) {
	ready, err := prepare(r)
	if err != nil {
		return nil, fmt.Errorf("starting the supervisor %q: %w", r.Self, err)
	}
	return ready, nil
}

// Signal sends sig to the process and all its descendants (without Self: to its process group). The first
// SIGTERM, SIGINT or SIGHUP starts the grace, after which all are killed. SIGKILL kills them now. If the
// process has ended, Signal does nothing.
func (p *Process) Signal(sig syscall.Signal) {
	select {
	case <-p.done:
	default:
		p.control.signal(sig)
	}
}

// Kill ends the process and all its descendants at once.
func (p *Process) Kill() { p.Signal(syscall.SIGKILL) }

// Done is closed when the process and all its descendants have ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for Done and returns how the process ended. The error says that someone ended the supervisor.
func (p *Process) Wait() (Status, error) {
	<-p.done
	return p.status, p.err
}

// SameWriter reports whether a and b are the same writer, so that one pipe can serve both. Either may be
// of a type that cannot be compared.
func SameWriter(a, b io.Writer) (same bool) {
	defer func() { recover() }()
	return a == b
}

// setStreams sets the standard streams of cmd. It leaves out those that are nil: in an interface, a nil
// *os.File is not nil, and exec.Cmd would use it.
func (r Request) setStreams(cmd *exec.Cmd) {
	if r.Stdin != nil {
		cmd.Stdin = r.Stdin
	}
	if r.Stdout != nil {
		cmd.Stdout = r.Stdout
	}
	if r.Stderr != nil {
		cmd.Stderr = r.Stderr
	}
}

// stops reports whether sig starts the grace.
func stops(sig syscall.Signal) bool {
	return sig == syscall.SIGTERM || sig == syscall.SIGINT || sig == syscall.SIGHUP
}

// statusOf converts the status of wait4(2).
func statusOf(w syscall.WaitStatus) Status {
	if w.Signaled() {
		return Status{Code: 128 + int(w.Signal()), Signal: w.Signal()}
	}
	return Status{Code: w.ExitStatus()}
}
