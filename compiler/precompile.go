package compiler

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"slugc/buildpacks"
	"slugc/buildpacks/command"
	"slugc/buildpacks/toolchain"
	"slugc/cache/disk"
	"slugc/compiler/report"
	"slugc/compiler/sandbox"
	"slugc/detect"
)

const (
	// compileTimeout bounds a compilation; a slow machine needs three minutes for Go's standard
	// library.
	compileTimeout = 20 * time.Minute
	// compileLog bounds what it may write, in bytes.
	compileLog = 1 << 20
	// errorText bounds the part of it that an error shows, in bytes.
	errorText = 300
)

// precompiler compiles once per machine what a toolchain can share with every app, such as a
// standard library.
type precompiler struct {
	storeMount
	lease    *toolchain.Lease
	self     sandbox.Bind // the slugc binary, which is the buildpacks' programs
	output   func(buildpack string) io.Writer
	env      map[string]string // what buildpacks start with
	app      []detect.Result   // what was learned about the app
	os, arch string
	limits   sandbox.Limits
	report   report.Reporter
	clock    *clock
}

// forMachine returns a build's limits for what is made for all apps of the machine.
func forMachine(limits sandbox.Limits) sandbox.Limits {
	limits.Deadline, limits.Idle, limits.Log = compileTimeout, 0, compileLog
	return limits
}

// show returns the toolchains as buildpacks see them, with what was compiled from them. A failed
// compilation makes builds slower and nothing else, so it is a warning, unless ctx has ended.
func (p precompiler) show(ctx context.Context, tools []toolchain.Toolchain) ([]toolchain.Toolchain, error) {
	shown := slices.Clone(tools)
	for i, tool := range tools {
		shown[i].Dir = p.path(tool.Dir)
		what := p.describe(shown[i], "")
		if what == nil {
			continue
		}
		waiting := func() { p.report.Step("Waiting for another build to compile the " + what.What) }
		compile := func(ctx context.Context, dir string) error {
			p.report.Step(fmt.Sprintf("Compiling the %s, once on this machine", what.What))
			return p.compile(ctx, shown[i], dir)
		}
		if what.Optional {
			compile = nil
		}
		dir, err := p.lease.Derived(ctx, tool, what.Dir, waiting, compile)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			p.report.Warn(fmt.Sprintf(
				"The %s is not compiled once for all builds, so this one takes longer: %v", what.What, err))
		case dir != "":
			shown[i].Derived = map[string]string{what.Key: p.path(dir)}
		}
	}
	return shown, nil
}

// describe says what is compiled from a tool into out, both as the command sees them.
func (p precompiler) describe(tool toolchain.Toolchain, out string) *buildpacks.Precompiled {
	return buildpacks.Precompile(buildpacks.PrecompileInput{
		Tool: tool, Out: out, OS: p.os, Arch: p.arch, Env: p.env, App: p.app,
	})
}

// compile fills dir. It runs in the sandbox without network and with nothing of the app: the result
// is for every app on this machine.
func (p precompiler) compile(ctx context.Context, tool toolchain.Toolchain, dir string) error {
	out := sandbox.Bind{Host: dir, Inside: "/build-cache", Writable: true}
	what := p.describe(tool, p.box.Path(out))
	env := maps.Clone(what.Env)
	env["HOME"] = "/tmp" // private to the process at every level of the sandbox
	var log bytes.Buffer
	err := p.box.Run(ctx, sandbox.Spec{
		Args: what.Args, Dir: p.box.Path(out), Env: command.Environ(env), Binds: []sandbox.Bind{p.bind, out},
		Stdout: &log, Stderr: &log, Limits: p.limits,
	})
	if err == nil {
		p.clock.mark(what.Phase)
	}
	return withLastLine(err, log.String())
}

// withLastLine adds the last line of a program's output to the error that it ended with, and what is wrong
// with the machine where the output says so. No code of an app runs in the program, so it is the machine
// that lacks open files or a permission.
func withLastLine(err error, output string) error {
	if err == nil {
		return nil
	}
	err = disk.Reported(err, output)
	last := lastLine(output)
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.EACCES} {
		if start, ok := strings.CutSuffix(last, errno.Error()); ok {
			return fmt.Errorf("%w: %s%w", err, start, errno)
		}
	}
	if last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// lastLine is the last line of a text that is not empty, cut to what fits in an error.
func lastLine(text string) string {
	text = strings.TrimSpace(strings.ToValidUTF8(text, ""))
	last := text[strings.LastIndexByte(text, '\n')+1:]
	return last[:min(len(last), errorText)]
}
