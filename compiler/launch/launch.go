// Package launch runs the processes of an app from the directory that its slug was unpacked into
// ([Unpack]): one as a Heroku dyno would ([Run], or [RunSandboxed] in the sandbox), a whole formation
// as foreman would ([Start]), or one beside others whose formation is the caller's
// ([Console.Start]).
//
// A process gets a clean environment (a default PATH and LANG, the config vars, HOME, DYNO and
// foreman's PS, and PORT if it is to listen), starts in the app's directory, in a shell that has
// sourced .profile.d/*.sh in the order of their names and then .profile, and is replaced by `bash
// -c COMMAND`, or sh where there is no bash. A signal reaches the process with all its descendants;
// what has not ended after the grace is killed; nothing outlives its process, nor slugc, however
// that ends (see package supervise).
package launch

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"slugc/compiler/sandbox/supervise"
)

// RunOptions are one process.
type RunOptions struct {
	// absolute path of the slugc binary, to supervise; "" leaves what has left the process group
	Self    string
	Dir     string   // the unpacked app, absolute: HOME and the working directory
	Command string   // given to the shell
	Env     []string // config vars, K=V; a later one wins
	Port    int      // PORT; 0 leaves it unset
	Dyno    string   // DYNO: "web.1", "run.1234"
	Shell   string   // absolute path; "" is bash, else sh
	// TERM of the caller's terminal, which the process then shares, with its signals; "" gives it a
	// session of its own
	Terminal string
	Stdin    io.Reader // nil is empty; a file is given to the process itself
	Stdout   io.Writer // nil is nothing; a file is given to the process itself
	Stderr   io.Writer // may be the same as Stdout
	// from the first stop signal, or the process's own end, to SIGKILL for what is left; 0 is 30 s
	Grace   time.Duration
	Signals <-chan os.Signal // to pass on; may be nil
	Kill    <-chan struct{}  // when closed, everything is killed at once; may be nil
}

// defaultGrace is a dyno's.
const defaultGrace = 30 * time.Second

// Run runs one process to its end and returns its exit code, 128+n when signal n ended it. When ctx
// ends, the process gets SIGTERM, its grace, and SIGKILL, and the code is returned all the same.
// The error is about starting or about a writer. With Terminal the caller should leave ctx alone
// when its terminal sends it SIGINT: the process has had it too.
func Run(ctx context.Context, o RunOptions) (exitCode int, err error) {
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	request, err := o.request()
	if err != nil {
		return 0, err
	}
	std, err := openStreams(o.Stdin, o.Stdout, o.Stderr)
	if err != nil {
		return 0, fmt.Errorf("running %q: %w", o.Command, err)
	}
	request.Stdin, request.Stdout, request.Stderr = std.in, std.out, std.err
	process, err := supervise.Start(request)
	std.started()
	if err != nil {
		std.wait()
		return 0, err
	}
	done := ctx.Done()
	for {
		select {
		case <-process.Done():
			status, err := process.Wait()
			if failed := std.wait(); err == nil {
				err = failed
			}
			return status.Code, err
		case <-done:
			process.Signal(syscall.SIGTERM)
			done = nil
		case <-o.Kill:
			process.Kill()
			o.Kill = nil
		case s, ok := <-o.Signals:
			if sig, known := s.(syscall.Signal); known {
				process.Signal(sig)
			}
			if !ok {
				o.Signals = nil
			}
		}
	}
}

// request is the process without its streams.
func (o RunOptions) request() (supervise.Request, error) {
	info, err := os.Stat(o.Dir)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return supervise.Request{}, fmt.Errorf("running %q: %w", o.Command, err)
	}
	shell := o.Shell
	if shell == "" {
		if shell, err = findShell(); err != nil {
			return supervise.Request{}, fmt.Errorf("running %q: %w", o.Command, err)
		}
	}
	script, err := script(o.Dir, o.Dir, shell, o.Command)
	if err != nil {
		return supervise.Request{}, fmt.Errorf("running %q: %w", o.Command, err)
	}
	return supervise.Request{
		Self: o.Self, Args: []string{shell, "-c", script}, Dir: o.Dir, Env: o.Environment(),
		Terminal: o.Terminal != "", Grace: o.Grace, Linger: true,
	}, nil
}
