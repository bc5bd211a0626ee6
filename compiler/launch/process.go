package launch

import (
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slugc/compiler/sandbox/supervise"
)

// Record receives every line of a process, and the console's lines about it (own). Several goroutines call
// it. It must not keep the line.
type Record func(name string, own bool, line []byte)

// Label says how the console shows the lines of a process.
type Label struct {
	Name   string // "web.1"
	Index  int    // the type's place in the Procfile, which selects the colour
	Record Record // may be nil
}

// Process is a started process with all its descendants. Its methods may be called concurrently.
type Process struct {
	Started time.Time
	console *Console
	label   Label
	process *supervise.Process
	done    chan struct{}
	status  supervise.Status
	err     error
}

// Start starts one process as [Run] does, and writes its output to the console. It does not use the
// options Stdin, Stdout, Stderr, Signals and Kill.
func (c *Console) Start(label Label, o RunOptions) (*Process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	process, clean, err := o.start(nil, write, write)
	write.Close()
	if err != nil {
		read.Close()
		return nil, err
	}
	p := &Process{Started: time.Now(), console: c, label: label, process: process, done: make(chan struct{})}
	p.Print("started with pid " + strconv.Itoa(process.Pid))
	go func() {
		p.watch(read)
		clean()
	}()
	return p, nil
}

// watch copies the output to the console until the process has ended.
func (p *Process) watch(output *os.File) {
	copied := make(chan struct{})
	go func() {
		eachLine(output, func(line []byte) { p.line(false, line) })
		close(copied)
	}()
	p.status, p.err = p.process.Wait()
	select {
	case <-copied:
	case <-time.After(drainTimeout):
	}
	output.Close()
	close(p.done)
}

func (p *Process) line(own bool, line []byte) {
	p.console.line(p.label.Name, palette[p.label.Index%len(palette)], line)
	if p.label.Record != nil {
		p.label.Record(p.label.Name, own, line)
	}
}

// Print writes a line about the process behind its name.
func (p *Process) Print(text string) { p.line(true, []byte(text)) }

// Signal sends sig to the process and all its descendants. SIGTERM, SIGINT and SIGHUP start the grace,
// after which all are killed.
func (p *Process) Signal(sig syscall.Signal) { p.process.Signal(sig) }

// Wait waits until the process and its descendants have ended and the output was written. It returns the
// exit code and, in words, how the process ended. The error says that someone ended the supervisor.
func (p *Process) Wait() (code int, how string, err error) {
	<-p.done
	how = "exited with code " + strconv.Itoa(p.status.Code)
	if p.status.Signal != 0 {
		how = "terminated by " + unix.SignalName(p.status.Signal)
	}
	return p.status.Code, how, p.err
}

// maxDoublings is how often [Backoff] doubles the first pause.
const maxDoublings = 5

// Backoff returns the pauses before a process is started again. Each is twice the last one, up to 32 times
// the first.
type Backoff struct {
	First    time.Duration
	restarts int // in a row
}

// Next returns the pause after a process that has run for lived. If it ran longer than the longest pause,
// the pauses start again with the first.
func (b *Backoff) Next(lived time.Duration) time.Duration {
	if lived > b.First<<maxDoublings {
		b.restarts = 0
	}
	pause := b.First << min(b.restarts, maxDoublings)
	b.restarts++
	return pause
}
