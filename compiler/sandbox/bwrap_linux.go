package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slugc/compiler/sandbox/supervise"
)

// bwrapStart is how long bubblewrap may take to set up its namespaces.
const bwrapStart = 30 * time.Second

// bwrapChild is a child in namespaces of its own.
type bwrapChild struct {
	init   int      // pid, on the host, of the first process of the child's process namespace
	handle *os.File // pidfd of it
	ended  chan struct{}
	err    error
}

func (s *Sandbox) startBwrap(spec Spec, std stdio) (child, error) {
	c := &bwrapChild{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// bubblewrap dies when the thread that started it ends, so this one is kept until it has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd, release, err := s.bwrapCommand(spec, std)
		if err == nil {
			err = c.start(cmd, release)
		}
		started <- err
		if err == nil {
			c.wait(cmd)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("running %q: starting bubblewrap: %w", spec.Args[0], err)
	}
	return c, nil
}

// bwrapCommand returns the command, its info and block pipes among its extra files, and our ends of those.
func (s *Sandbox) bwrapCommand(spec Spec, std stdio) (*exec.Cmd, []*os.File, error) {
	info, infoWrite, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	block, blockWrite, err := os.Pipe()
	if err != nil {
		closeFiles(info, infoWrite)
		return nil, nil, err
	}
	files := fdList{files: []*os.File{infoWrite, block}}
	args := append([]string{"--info-fd", "3", "--block-fd", "4"}, s.bwrapArgs(spec, &files)...)
	// The environment may hold secrets, and a command line is readable by everyone.
	number := files.add(strings.Join(args, "\x00") + "\x00")
	if files.err != nil {
		closeFiles(append(files.files, info, blockWrite)...)
		return nil, nil, files.err
	}
	cmd := &exec.Cmd{
		Path: s.bwrap, Args: append([]string{s.bwrap, "--args", number, "--"}, spec.Args...),
		Env: []string{}, Dir: "/", Stdin: std.in, Stdout: std.out, Stderr: std.err, ExtraFiles: files.files,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	return cmd, []*os.File{info, blockWrite}, nil
}

// start starts bubblewrap, takes hold of its first process, limits it, and lets it go on.
func (c *bwrapChild) start(cmd *exec.Cmd, ours []*os.File) error {
	defer closeFiles(ours...)
	err := cmd.Start()
	closeFiles(cmd.ExtraFiles...)
	if err != nil {
		return err
	}
	abandon := func(err error) error {
		cmd.Process.Kill()
		cmd.Wait()
		return err
	}
	var info struct {
		Pid int `json:"child-pid"`
	}
	ours[0].SetReadDeadline(time.Now().Add(bwrapStart))
	if err := json.NewDecoder(ours[0]).Decode(&info); err != nil || info.Pid <= 0 {
		return abandon(errors.New("it ended before it had begun"))
	}
	fd, err := unix.PidfdOpen(info.Pid, 0)
	if err != nil {
		return abandon(fmt.Errorf("taking hold of its first process: %w", err))
	}
	if err := supervise.Limit(info.Pid, openFiles); err != nil {
		unix.Close(fd)
		return abandon(err)
	}
	c.init, c.handle = info.Pid, os.NewFile(uintptr(fd), "pidfd")
	if _, err := ours[1].Write([]byte{0}); err != nil {
		c.handle.Close()
		return abandon(err)
	}
	return nil
}

// wait returns when bubblewrap and its whole process namespace have ended.
func (c *bwrapChild) wait(cmd *exec.Cmd) {
	defer close(c.ended)
	err := cmd.Wait()
	// bubblewrap ends when its program does; its first process lives as long as a daemon does, unless it is killed.
	// That one becomes readable only when the kernel has ended the whole namespace.
	c.kill()
	poll := []unix.PollFd{{Fd: int32(c.handle.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(poll, -1); err != unix.EINTR {
			break
		}
	}
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
	case !errors.As(err, &exit):
		c.err = err
	default:
		c.err = exitError(exit.Sys().(syscall.WaitStatus))
	}
}

// exitError reads a shell's convention back: bubblewrap tells only a code.
func exitError(w syscall.WaitStatus) error {
	if w.Signaled() {
		return &ExitError{Code: 128 + int(w.Signal()), Signal: w.Signal()}
	}
	e := &ExitError{Code: w.ExitStatus()}
	if e.Code > 128 && e.Code < 128+32 {
		e.Signal = syscall.Signal(e.Code - 128)
	}
	return e
}

// terminate reaches all but the first process, which takes no SIGTERM.
func (c *bwrapChild) terminate()            { supervise.SignalDescendants(c.init, syscall.SIGTERM) }
func (c *bwrapChild) kill()                 { unix.PidfdSendSignal(int(c.handle.Fd()), unix.SIGKILL, nil, 0) }
func (c *bwrapChild) done() <-chan struct{} { return c.ended }

func (c *bwrapChild) result() error {
	<-c.ended
	return c.err
}

func closeFiles(files ...*os.File) {
	for _, f := range files {
		f.Close()
	}
}
