package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"slugc/compiler/sandbox/supervise"
)

// lowerChild is a child at level Landlock or None.
type lowerChild struct {
	process *supervise.Process
	private string // directory that goes with the child
	ended   chan struct{}
	err     error
}

func (s *Sandbox) startLower(spec Spec, std stdio) (child, error) {
	private, err := os.MkdirTemp(s.temp, "slugc-sandbox-")
	if err != nil {
		return nil, fmt.Errorf("running %q: making its temporary directory: %w", spec.Args[0], err)
	}
	c := &lowerChild{private: private, ended: make(chan struct{})}
	env, err := s.lowerEnv(spec, private)
	if err == nil {
		c.process, err = supervise.Start(supervise.Request{
			Self: s.self, Args: spec.Args, Dir: spec.Dir, Env: env, Stdin: std.in, Stdout: std.out, Stderr: std.err,
			Grace: grace, Files: openFiles, Remove: private, Rules: s.rules(spec, private),
		})
	}
	if err != nil {
		removeAll(private)
		return nil, err
	}
	go c.wait()
	return c, nil
}

// lowerEnv gives the child a temporary directory, a home it may write, and the PWD that bubblewrap
// sets.
func (s *Sandbox) lowerEnv(spec Spec, private string) ([]string, error) {
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

// rules are the paths that bubblewrap would show, at their own places; nil at level None.
func (s *Sandbox) rules(spec Spec, private string) *supervise.Rules {
	if s.level != Landlock {
		return nil
	}
	r := &supervise.Rules{Network: spec.Network, Write: append([]string{private}, devices...)}
	r.Read = append(r.Read, systemDirs...)
	r.Read = append(r.Read, existing(systemConfig)...)
	r.Read = append(r.Read, systemAccounts...)
	// What /proc shows of processes outside, such as their environment, is kept from the child by
	// Landlock's rule on tracing.
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

func (c *lowerChild) wait() {
	defer close(c.ended)
	status, err := c.process.Wait()
	removeAll(c.private)
	switch {
	case err != nil:
		c.err = err
	case status.Code != 0:
		c.err = &ExitError{Code: status.Code, Signal: status.Signal}
	}
}

func (c *lowerChild) terminate()            { c.process.Signal(syscall.SIGTERM) }
func (c *lowerChild) kill()                 { c.process.Kill() }
func (c *lowerChild) done() <-chan struct{} { return c.ended }

func (c *lowerChild) result() error {
	<-c.ended
	return c.err
}

// removeAll removes dir even when the child has made directories in it unreadable.
func removeAll(dir string) {
	if os.RemoveAll(dir) == nil {
		return
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return
	}
	defer root.Close()
	fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() {
			root.Chmod(path, 0o700)
		}
		return nil
	})
	os.RemoveAll(dir)
}
