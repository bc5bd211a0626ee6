package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"slugc/compiler/sandbox/supervise"
)

// bwrapTimeout is how long bubblewrap may take to set up its namespaces.
const bwrapTimeout = 30 * time.Second

// bwrapChild is a child in namespaces of its own.
//
// bubblewrap ends with its parent, but only once it has set up. If slugc were killed in the few
// milliseconds before that, bubblewrap would go on. So it runs under the supervisor, which also ends the
// first process of the child's process namespace, and with it all the others.
type bwrapChild struct {
	process *supervise.Process
	init    int  // pid, on the host, of the first process of the child's process namespace
	steps   bool // that process is the child itself
}

func (s *Sandbox) startBwrap(
	spec Spec, std stdio, isolation *supervise.Isolation, ready *supervise.Ready,
) (child, error) {
	info, infoWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("running %q: %w", spec.Args[0], err)
	}
	defer info.Close()
	files := fdList{files: []*os.File{infoWrite}}
	args := append([]string{"--info-fd", "3", "--seccomp", files.addFilter(spec.Steps)}, s.bwrapArgs(spec, &files)...)
	// The environment may hold secrets, and every user can read a command line.
	number := files.add(strings.Join(args, "\x00") + "\x00")
	if err = files.err; err == nil {
		var c *bwrapChild
		c, err = superviseBwrap(supervise.Request{
			Self: s.self, Args: append([]string{s.bwrap, "--args", number, "--"}, spec.Args...),
			Dir: "/", Env: []string{}, Stdin: std.in, Stdout: std.out, Stderr: std.err,
			Inherit: files.files, Files: maxOpenFiles,
			Isolation: isolation, Ready: ready,
		})
		files.close() // bubblewrap has its own copies, and info ends when it closes them
		if err == nil {
			err = c.awaitNamespaces(info)
		}
		if err == nil {
			c.steps = spec.Steps
			return c, nil
		}
	}
	files.close()
	return nil, fmt.Errorf("running %q: starting bubblewrap: %w", spec.Args[0], err)
}

func superviseBwrap(r supervise.Request) (*bwrapChild, error) {
	process, err := supervise.Start(r)
	if err != nil {
		return nil, err
	}
	return &bwrapChild{process: process}, nil
}

// awaitNamespaces waits until bubblewrap has made its namespaces and says so on --info-fd.
func (c *bwrapChild) awaitNamespaces(info *os.File) error {
	var message struct {
		Pid int `json:"child-pid"`
	}
	info.SetReadDeadline(time.Now().Add(bwrapTimeout))
	if err := json.NewDecoder(info).Decode(&message); err != nil || message.Pid <= 0 {
		c.process.Kill()
		c.process.Wait()
		return errors.New("it ended before it had started the program")
	}
	c.init = message.Pid
	return nil
}

// terminate does not signal bubblewrap itself: if it ended, the kernel would kill the child at once.
func (c *bwrapChild) terminate() {
	if c.steps {
		syscall.Kill(c.init, syscall.SIGTERM)
	}
	supervise.SignalDescendants(c.init, syscall.SIGTERM)
}

func (c *bwrapChild) kill()                 { c.process.Kill() }
func (c *bwrapChild) done() <-chan struct{} { return c.process.Done() }

func (c *bwrapChild) root() int { return c.process.Root }

// made is empty: what the child has besides its binds is in memory.
func (c *bwrapChild) made() []string { return nil }

// result derives the signal from the code, as a shell does: bubblewrap reports only a code.
func (c *bwrapChild) result() error {
	status, err := c.process.Wait()
	if err != nil || status.Code == 0 {
		return err
	}
	e := &ExitError{Code: status.Code, Signal: status.Signal}
	if e.Code > 128 && e.Code < 128+32 {
		e.Signal = syscall.Signal(e.Code - 128)
	}
	return e
}
