package launch

import (
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slugc/compiler/sandbox/supervise"
)

// Record is given every line that a process says, and those that the console says of it (own). It
// is called from several goroutines and must not keep the line.
type Record func(name string, own bool, line []byte)

// Member is one process of a formation as the console shows it.
type Member struct {
	Name   string // web.1
	Place  int    // of its type in the Procfile, which its colour depends on
	Record Record // may be nil
}

// Process is a started member with all its descendants. Its methods may be called concurrently.
type Process struct {
	Began   time.Time
	console *Console
	member  Member
	process *supervise.Process
	done    chan struct{}
	status  supervise.Status
	err     error
}

// Start starts one process as [Run] does, its output going to the console. Of the options it uses
// neither the streams nor Signals and Kill.
func (c *Console) Start(m Member, o RunOptions) (*Process, error) {
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	request, err := o.request()
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	request.Stdout, request.Stderr = write, write
	process, err := supervise.Start(request)
	write.Close()
	if err != nil {
		read.Close()
		return nil, err
	}
	p := &Process{Began: time.Now(), console: c, member: m, process: process, done: make(chan struct{})}
	p.Say("started with pid " + strconv.Itoa(process.Pid))
	go p.watch(read)
	return p, nil
}

// watch passes the output on until the process has ended.
func (p *Process) watch(output *os.File) {
	copied := make(chan struct{})
	go func() {
		eachLine(output, func(line []byte) { p.show(false, line) })
		close(copied)
	}()
	p.status, p.err = p.process.Wait()
	select {
	case <-copied:
	case <-time.After(draining):
	}
	output.Close()
	close(p.done)
}

func (p *Process) show(own bool, line []byte) {
	p.console.line(p.member.Name, palette[p.member.Place%len(palette)], line)
	if p.member.Record != nil {
		p.member.Record(p.member.Name, own, line)
	}
}

// Say writes a line about the process behind its name.
func (p *Process) Say(text string) { p.show(true, []byte(text)) }

// Signal gives sig to the process and all its descendants; SIGTERM, SIGINT and SIGHUP start the
// grace after which all are killed.
func (p *Process) Signal(sig syscall.Signal) { p.process.Signal(sig) }

// Wait waits until the process has ended, nothing of it is left and its output was passed on, and
// returns its exit code and, in words, how it ended. An error says that the supervisor was ended by
// someone.
func (p *Process) Wait() (code int, ended string, err error) {
	<-p.done
	ended = "exited with code " + strconv.Itoa(p.status.Code)
	if p.status.Signal != 0 {
		ended = "terminated by " + unix.SignalName(p.status.Signal)
	}
	return p.status.Code, ended, p.err
}

// Backoff gives the pauses before a process is started again: the longer, the more often it has
// ended soon.
type Backoff struct {
	First time.Duration // doubled for each further pause, up to 32 times
	times int
}

// Next returns the pause after a process that has lived for so long. One that lived longer than the
// longest pause begins anew.
func (b *Backoff) Next(lived time.Duration) time.Duration {
	if lived > b.First<<maxDoublings {
		b.times = 0
	}
	pause := b.First << min(b.times, maxDoublings)
	b.times++
	return pause
}
