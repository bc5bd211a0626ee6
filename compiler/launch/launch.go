// Package launch runs the processes of an app from the directory that its slug was unpacked into, as
// foreman and a Heroku dyno do.
//
//	app, err := launch.Unpack(ctx, "/srv/blog.tgz", launch.UnpackOptions{
//		Runs: "/var/slugc/run", Trees: "/var/slugc/trees", Self: "/usr/bin/slugc", Digest: digest,
//	})
//	defer app.Remove()
//	code, err := launch.Start(ctx, launch.StartOptions{
//		Self: "/usr/bin/slugc", Dir: app.Dir, Layers: app.Layers, Tmp: app.Tmp,
//		Processes: types, Formation: map[string]int{"web": 2}, Out: os.Stdout,
//	})
//
// [Unpack] makes the slug ready. [Run] runs one process, as a Heroku one-off dyno does, and [RunSandboxed] runs
// it in the sandbox. [Start] runs a whole formation, as `foreman start` does. [Console.Start] runs one
// process of a formation that the caller manages.
//
// Where the kernel permits overlays (Linux 5.11 for ordinary users), nothing is unpacked twice: the sections of
// slugs are kept unpacked (package trees), and each process sees them as one directory in a mount namespace of its
// own ([Layers]). What it writes there it has for itself, and goes with it. Elsewhere the processes of a formation
// share the app's directory, but for tmp: each has its own copy of what the slug holds there; where the kernel
// permits no mount at all, PIDFILE and TMPDIR name the copy.
//
// An app with mounts ([Unpacked].Mounts), which a buildpack has made for absolute paths, is besides at /app and
// /workspace, and its layers at /layers: each process has a root directory of its own, all of the host's with these
// three over it, in the same mount namespace. Where the kernel permits no mount, links lead there if slugc may make
// them; else the app is refused. bubblewrap would be no way out: it may mount where slugc may, and its own process
// between takes signals and exit codes. What the host has at these paths an app with mounts does not see. A
// program that the machine cannot load [CheckMachine] finds before.
//
// A process gets a clean environment: a default PATH and LANG, the config vars, HOME, DYNO, foreman's PS,
// and PORT if it has one. A shell in the app's directory sources .profile.d/*.sh in the order of their
// names and then .profile, and executes `bash -c COMMAND`, or sh where there is no bash. A signal reaches
// the process with all its descendants. What has not ended after the grace is killed. Nothing outlives its
// process, nor slugc, for whatever reason slugc ends (see package supervise).
//
// Which release of an app runs, and when, is for package follow.
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
	// Self is the absolute path of the slugc binary, which supervises the process. With "", a process that
	// has left the process group survives.
	Self string
	Dir  string // the unpacked app, absolute: HOME and the working directory
	// Directory is where in Dir its profile moves on to, slash-separated ([Unpacked]); "" for nowhere.
	Directory string
	// Mounts are where the process sees the app besides ([slug.Manifest]): HOME and the working directory are the
	// first of them.
	Mounts  []string
	linked  bool     // links lead to the app from its mounts
	Command string   // for the shell
	Env     []string // config vars, K=V; a later one wins
	Port    int      // PORT; 0 leaves it to Env
	Dyno    string   // DYNO and PS: "web.1", "run.1234"
	// Tmp is a directory that becomes the process's own copy of the app's tmp, which nothing else sees there;
	// "" leaves it the app's. What was in Tmp is removed. With Layers it only says that there is to be a tmp.
	Tmp string
	// Layers are put together in Dir for the process; nil if Dir is the app ([Unpacked]).
	Layers *Layers
	Shell  string // absolute path; "" is bash, or sh where there is no bash
	// Terminal is TERM of the caller's terminal, which the process then shares, with its signals. With ""
	// the process has a session of its own.
	Terminal string
	Stdin    io.Reader // nil is empty; the process inherits a file
	Stdout   io.Writer // nil discards; the process inherits a file
	Stderr   io.Writer // may be the same as Stdout
	// Grace is the time from the first stop signal, or from the process's end, to SIGKILL for what is left.
	// 0 is 30 s, as on Heroku.
	Grace   time.Duration
	Signals <-chan os.Signal // signals for the process; may be nil
	Kill    <-chan struct{}  // when closed, everything is killed at once; may be nil
}

const defaultGrace = 30 * time.Second

// Run runs one process to its end and returns its exit code, 128+n when signal n ended it. When ctx ends,
// the process gets SIGTERM and, after the grace, SIGKILL; Run still returns the exit code. The error is
// about starting or about a writer.
//
// With Terminal, ctx should not end at the terminal's SIGINT: the process gets that signal too.
func Run(ctx context.Context, o RunOptions) (exitCode int, err error) {
	std, err := openStreams(o.Stdin, o.Stdout, o.Stderr)
	if err != nil {
		return 0, fmt.Errorf("running %q: %w", o.Command, err)
	}
	process, clean, err := o.start(std.in, std.out, std.err)
	std.closeTheirs()
	if err != nil {
		std.wait()
		return 0, err
	}
	defer clean()
	done := ctx.Done()
	for {
		select {
		case <-process.Done():
			status, err := process.Wait()
			if errWrite := std.wait(); err == nil {
				err = errWrite
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

// start starts the process with its streams. clean, to be called when it has ended, removes what it has written.
func (o RunOptions) start(in, out, problems *os.File) (process *supervise.Process, clean func(), err error) {
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	for {
		request, clean, err := o.request()
		if err != nil {
			return nil, nil, err
		}
		request.Stdin, request.Stdout, request.Stderr = in, out, problems
		process, err := supervise.Start(request)
		if err == nil {
			return process, clean, nil
		}
		clean()
		if !isNoMount(err) {
			return nil, nil, err
		}
		if request.Overlay == nil {
			if err := o.link(err); err != nil {
				return nil, nil, err
			}
			continue
		}
		if err := o.Layers.unpack(); err != nil {
			return nil, nil, fmt.Errorf("running %q: %w", o.Command, err)
		}
	}
}

// request returns the process without its streams.
func (o RunOptions) request() (r supervise.Request, clean func(), err error) {
	info, err := os.Stat(o.Dir)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return r, nil, fmt.Errorf("running %q: %w", o.Command, err)
	}
	path, script, err := o.interpreter(o.inside())
	if err != nil {
		return r, nil, err
	}
	clean = func() {}
	if o.Layers.inUse() {
		r.Overlay, clean, err = o.Layers.overlay(o.Dir, o.ownDirs()...)
	} else {
		r.Mount, err = o.ownTmp()
	}
	if err != nil {
		return r, nil, fmt.Errorf("running %q: %w", o.Command, err)
	}
	if r.Root, err = o.root(); err != nil {
		clean()
		return r, nil, fmt.Errorf("running %q: %w", o.Command, err)
	}
	r.Self, r.Args, r.Dir, r.Env = o.Self, []string{path, "-c", script}, o.inside(), o.Environment()
	r.Terminal, r.Grace, r.Linger = o.Terminal != "", o.Grace, true
	return r, clean, nil
}
