package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"slugc/cache/disk"
	"slugc/compiler/sandbox/supervise"
)

// supervisedChild is a child at level Landlock or None.
type supervisedChild struct {
	process *supervise.Process
	private string // a directory that is removed when the child has ended
	ended   chan struct{}
	err     error
}

func (s *Sandbox) startSupervised(
	spec Spec, std stdio, isolation *supervise.Isolation, ready *supervise.Ready,
) (child, error) {
	private, err := os.MkdirTemp(s.temp, "slugc-sandbox-")
	if err != nil {
		return nil, fmt.Errorf("running %q: making its temporary directory: %w", spec.Args[0], err)
	}
	c := &supervisedChild{private: private, ended: make(chan struct{})}
	env, err := privateEnv(spec, private)
	if err == nil {
		c.process, err = supervise.Start(supervise.Request{
			Self: s.self, Args: spec.Args, Dir: spec.Dir, Env: env, Stdin: std.in, Stdout: std.out, Stderr: std.err,
			Grace: grace, Files: maxOpenFiles, Remove: private, Rules: s.rules(spec, private),
			Isolation: isolation, Ready: ready,
		})
	}
	if err != nil {
		_ = disk.RemoveAll(private)
		return nil, err
	}
	go c.wait()
	return c, nil
}

// privateEnv returns the child's environment with a temporary directory and a home that it can write,
// both in private, and with the PWD that bubblewrap sets.
func privateEnv(spec Spec, private string) ([]string, error) {
	var env []string
	for _, entry := range append(spec.Env[:len(spec.Env):len(spec.Env)], "PWD="+spec.Dir) {
		name, value, _ := strings.Cut(entry, "=")
		env = setEnv(env, name, value)
	}
	if tmp, found := lookupEnv(env, "TMPDIR"); !found || tmp == "/tmp" || tmp == "/var/tmp" {
		tmp = filepath.Join(private, "tmp")
		if err := os.Mkdir(tmp, 0o700); err != nil {
			return nil, err
		}
		env = setEnv(env, "TMPDIR", tmp)
	}
	home, found := lookupEnv(env, "HOME")
	for _, bind := range spec.Binds {
		if found && bind.Writable && within(home, bind.Host) {
			return env, nil
		}
	}
	if found {
		home = filepath.Join(private, "home")
		if err := os.Mkdir(home, 0o700); err != nil {
			return nil, err
		}
		env = setEnv(env, "HOME", home)
	}
	return env, nil
}

// rules permit the paths that bubblewrap would show, at their own places. They are nil at level None.
func (s *Sandbox) rules(spec Spec, private string) *supervise.Rules {
	if s.level != Landlock {
		return nil
	}
	r := &supervise.Rules{Network: spec.Network, Write: append([]string{private}, devices...)}
	r.Read = append(r.Read, systemDirs...)
	r.Read = append(r.Read, existing(systemConfig)...)
	r.Read = append(r.Read, systemAccounts...)
	// /proc shows other processes too. Landlock's rule on tracing denies what is secret there, such as
	// their environment.
	r.Read = append(r.Read, "/proc")
	for _, bind := range spec.Binds {
		if bind.Writable {
			r.Write = append(r.Write, bind.Host)
		} else {
			r.Read = append(r.Read, bind.Host)
		}
	}
	return r
}

func (c *supervisedChild) wait() {
	defer close(c.ended)
	status, err := c.process.Wait()
	// A directory that cannot be removed does not make the run fail.
	_ = disk.RemoveAll(c.private)
	switch {
	case err != nil:
		c.err = err
	case status.Code != 0:
		c.err = &ExitError{Code: status.Code, Signal: status.Signal}
	}
}

func (c *supervisedChild) terminate()            { c.process.Signal(syscall.SIGTERM) }
func (c *supervisedChild) kill()                 { c.process.Kill() }
func (c *supervisedChild) done() <-chan struct{} { return c.ended }

func (c *supervisedChild) root() int { return c.process.Root }

func (c *supervisedChild) made() []string { return []string{c.private} }

func (c *supervisedChild) result() error {
	<-c.ended
	return c.err
}
