// Package supervise starts one process and makes sure that nothing it started outlives it.
//
// On Linux a second copy of the slugc binary (Request.Self, started with the hidden arguments that
// [Main] answers to) stands between slugc and the process. It is a child subreaper, so whatever the
// process leaves behind, double-forked and in sessions of its own, becomes the supervisor's child
// and is ended by it. It holds one end of a pipe: when slugc dies, however it dies, the supervisor
// reads the end of that pipe and kills everything.
//
// Without Request.Self, and on other systems, the process only gets a session of its own, and the
// process group of that session is ended: what has left the group survives.
package supervise

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// unkillable is how long one waits for processes that it has killed and that do not die (stuck in
// the kernel).
const unkillable = 10 * time.Second

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
	// stay in the caller's session and process group, so that its terminal works
	Terminal bool `json:"terminal"`
	// from the first SIGTERM, SIGINT or SIGHUP to SIGKILL; 0 kills at once
	Grace time.Duration `json:"grace"`
	// give what the process leaves behind SIGTERM and Grace too, not SIGKILL
	Linger bool `json:"linger"`
	// at most so many open files, and no core file; 0 changes neither; needs Self
	Files uint64 `json:"files,omitempty"`
	// a directory that goes with the process, even if slugc is killed; needs Self
	Remove string `json:"remove"`
	Rules  *Rules `json:"rules,omitempty"` // Landlock; needs Self
}

// Rules are what Landlock lets the process do. Paths are absolute; those that do not exist are
// passed over.
type Rules struct {
	Read    []string `json:"read"`    // files, and directories with all in them: read and execute
	Write   []string `json:"write"`   // files, and directories with all in them: everything but making device nodes
	Network bool     `json:"network"` // false: no TCP, nor UDP where the kernel can tell (Landlock version 10)
}

// Status is how the process itself ended.
type Status struct {
	Code   int            // as a shell has it: 128+n when ended by signal n
	Signal syscall.Signal // 0 when it exited
}

// Process is a started process with all its descendants. Its methods may be called by many
// goroutines, Wait by one.
type Process struct {
	Pid     int // of the process itself
	control control
	done    chan struct{}
	status  Status
	err     error
}

// control is what both ways of supervising can do.
type control interface {
	signal(syscall.Signal)
	wait() (Status, error)
}

// Start starts the process. The error is about starting: no such file, no permission, a bad working
// directory.
func Start(r Request) (*Process, error) {
	if len(r.Args) == 0 || len(r.Args[0]) == 0 || r.Args[0][0] != '/' {
		return nil, fmt.Errorf("starting %q: not an absolute path", r.Args)
	}
	start := startGroup
	if r.Self != "" {
		start = startSupervised
	} else if r.Rules != nil {
		return nil, fmt.Errorf("starting %q: Landlock needs the path of the slugc binary", r.Args[0])
	}
	p := &Process{done: make(chan struct{})}
	pid, c, err := start(r)
	if err != nil {
		return nil, fmt.Errorf("starting %q: %w", r.Args[0], err)
	}
	p.Pid, p.control = pid, c
	go func() {
		p.status, p.err = c.wait()
		close(p.done)
	}()
	return p, nil
}

// Signal gives sig to the process and all its descendants (without Self: to its process group). The
// first SIGTERM, SIGINT or SIGHUP starts the grace after which all are killed; SIGKILL kills them
// now. A process that has ended is no error.
func (p *Process) Signal(sig syscall.Signal) {
	select {
	case <-p.done:
	default:
		p.control.signal(sig)
	}
}

// Kill ends the process and all its descendants now.
func (p *Process) Kill() { p.Signal(syscall.SIGKILL) }

// Done is closed when the process has ended and nothing of it is left.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for Done and returns how the process ended. An error says that the supervisor itself
// was ended by someone.
func (p *Process) Wait() (Status, error) {
	<-p.done
	return p.status, p.err
}

// stops reports whether sig starts the grace.
func stops(sig syscall.Signal) bool {
	return sig == syscall.SIGTERM || sig == syscall.SIGINT || sig == syscall.SIGHUP
}

// statusOf translates what wait4 says.
func statusOf(w syscall.WaitStatus) Status {
	if w.Signaled() {
		return Status{Code: 128 + int(w.Signal()), Signal: w.Signal()}
	}
	return Status{Code: w.ExitStatus()}
}
