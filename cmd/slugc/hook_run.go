package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"slugc/compiler"
	"slugc/compiler/fault"
	"slugc/compiler/push"
	"slugc/compiler/sandbox"
	"slugc/compiler/source"
)

func (c *cli) hookRunCommand() *cobra.Command {
	var before string
	cmd := &cobra.Command{
		Use:    "run NAME [ARG]",
		Short:  "Run a hook of the repository in the working directory; git calls it",
		Hidden: true,
		Args:   usageArgs(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			input, err := io.ReadAll(os.Stdin)
			if err != nil {
				return fmt.Errorf("reading the refs of a push: %w", err)
			}
			prior := push.PriorHook{
				Path:   before,
				Args:   args[1:],
				Env:    os.Environ(),
				Stdin:  input,
				Stdout: os.Stdout,
				Stderr: os.Stderr,
			}
			if c.exit, err = prior.Run(cmd.Context()); c.exit != 0 || err != nil {
				return err
			}
			hookEnv := c.readHookEnv()
			if err := c.keepEnvironment(); err != nil {
				return err
			}
			hook, err := c.hook(cmd.Context(), hookEnv.dir)
			if err != nil || hook.Settings.App == "" {
				return err
			}
			updates, err := push.ReadUpdates(bytes.NewReader(input))
			if err != nil {
				return err
			}
			return c.runHook(cmd.Context(), hook, hookEnv, args, updates)
		},
	}
	cmd.Flags().StringVar(&before, "before", "", "an earlier hook, which runs first")
	return cmd
}

// hookEnv is what git and its server tell a hook through its environment.
type hookEnv struct {
	dir        string
	quarantine []string
	options    []string
	actor      string
}

// readHookEnv reads the environment before keepEnvironment clears it.
func (c *cli) readHookEnv() hookEnv {
	g := hookEnv{
		dir:   c.env.vars["GIT_DIR"],
		actor: c.env.first("REMOTE_USER", "GL_USERNAME", "GL_USER", "GITEA_PUSHER_NAME", "LOGNAME", "USER"),
	}
	if g.dir == "" {
		g.dir = "."
	}
	for _, name := range []string{"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"} {
		if v := c.env.vars[name]; v != "" {
			g.quarantine = append(g.quarantine, name+"="+v)
		}
	}
	n, _ := strconv.Atoi(c.env.vars["GIT_PUSH_OPTION_COUNT"])
	for i := range min(n, 100) {
		g.options = append(g.options, c.env.vars[fmt.Sprintf("GIT_PUSH_OPTION_%d", i)])
	}
	if g.actor == "" {
		if self, err := user.Current(); err == nil {
			g.actor = self.Username
		}
	}
	if len(g.actor) > 64 {
		g.actor = strings.ToValidUTF8(g.actor[:64], "")
	}
	return g
}

// keptVariables and keptPrefixes name the variables of the git server's environment that slugc and
// its tools may see in a hook. The others can hold the pusher's headers and keys.
var (
	keptVariables = append(
		append(
			[]string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR"},
			slices.Concat(passed, storeSettings)...),
		goVariables...)
	keptPrefixes = []string{"SLUGC_", "XDG_", "LC_", "npm_config_", "NPM_CONFIG_"}
)

// keepEnvironment removes all other variables, for slugc and every child process.
func (c *cli) keepEnvironment() error {
	cgi := c.env.vars["GATEWAY_INTERFACE"] != ""
	os.Clearenv()
	for name, value := range c.env.vars {
		keep := slices.Contains(keptVariables, name) ||
			slices.ContainsFunc(keptPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
		// In a CGI program HTTP_PROXY is a header of the request (RFC 3875, 4.1.18).
		if !keep || cgi && strings.HasPrefix(name, "HTTP_") {
			delete(c.env.vars, name)
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("keeping the environment: %w", err)
		}
	}
	return nil
}

// runHook does the work of the hook that args names.
func (c *cli) runHook(ctx context.Context, h *push.Hook, g hookEnv, args []string, updates []push.Update) error {
	receiver, err := push.FindReceivePack(os.Getpid())
	switch args[0] {
	case "reference-transaction":
		if len(args) != 2 {
			return fault.UsageError("usage/arguments",
				fmt.Errorf("reading the arguments: reference-transaction has a phase"),
				"git itself calls this command")
		}
		var by *push.Process
		if err == nil {
			by = &receiver
		}
		return h.ReferenceTransaction(ctx, args[1], by, updates)
	case "pre-receive", "post-receive":
	default:
		return fault.UsageError("usage/arguments", fmt.Errorf("reading the arguments: there is no hook %q", args[0]),
			"git itself calls this command")
	}
	if err != nil {
		return fault.New(fault.Slugc, 0, "push/no-receive-pack",
			fmt.Errorf("running the hook %s: git receive-pack has not called it, or has ended", args[0]),
			"git itself calls this command")
	}
	if args[0] == "post-receive" {
		return h.PostReceive(ctx, receiver, updates)
	}
	return c.preReceive(ctx, h, g, receiver, updates)
}

// preReceive builds for as long as a client waits for the push.
func (c *cli) preReceive(
	ctx context.Context,
	h *push.Hook,
	g hookEnv,
	receiver push.Process,
	updates []push.Update,
) error {
	ctx, cancel := push.WatchClient(ctx, receiver)
	defer cancel(nil)
	// Without this, the first write to a closed connection would end the process before it has
	// cleaned up. The signal is caught, not ignored: children would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	c.ui.err = pusherWriter{c.ui.err, cancel}
	err := c.receive(ctx, h, g, receiver, updates)
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	c.exit = f.Code
	if errors.Is(err, push.ErrClientGone) {
		return nil // nobody reads it
	}
	c.ui.fault(f)
	c.ui.errorf("push rejected: %s", h.RejectionMessage(context.WithoutCancel(ctx)))
	return nil
}

func (c *cli) receive(
	ctx context.Context, h *push.Hook, g hookEnv, receiver push.Process, updates []push.Update,
) error {
	engine, err := c.engine()
	if err != nil {
		return err
	}
	engine.Sandbox = neverNone(c.sandboxLevel(), engine.Sandbox)
	if err := c.noteRepository(h.Settings.App, h.Repo.Dir); err != nil {
		return err
	}
	config := releaseConfig{file: h.Settings.ReleaseEnvFile}
	deployment, err := config.options(ctx, c, "")
	if err != nil {
		return err
	}
	deployment.Actor = g.actor
	env, err := c.readEnv("env", h.Settings.EnvFile, nil)
	if err == nil {
		err = c.addConfigVars(ctx, h.Settings.App, h.Settings.ConfigVars, env)
	}
	if err != nil {
		return err
	}
	limit, err := parseSize(defaultLimit)
	if err != nil {
		return err
	}
	limits, err := c.resources(sandbox.Limits{Deadline: deadline, Idle: idle, Log: logLimit},
		resourceFlags{h.Settings.Memory, h.Settings.Pids, h.Settings.Disk})
	if err != nil {
		return err
	}
	network, err := c.networkMode()
	if err != nil {
		return err
	}
	request := compiler.Request{
		Env:    c.buildEnv(env),
		Source: source.Spec{Env: c.fetchEnv(passed...)},
		Limit:  limit,
		Deploy: deployment,
		Limits: limits, Network: network,
	}
	if err := (buildpackFlags{
		buildpacks: h.Settings.Buildpacks, stack: h.Settings.Stack,
	}).apply(&request, request.Env); err != nil {
		return err
	}
	return h.PreReceive(
		ctx,
		push.Push{Updates: updates, Options: g.options, Quarantine: g.quarantine, ReceivePack: receiver},
		push.Builder{
			Compile: engine.Compile, Request: request,
			StartSettler: func(id string) error { return spawnSettler(engine.Self, h.Repo.Dir, id) },
		},
	)
}

// neverNone refuses to build without a sandbox unless that was asked for: whoever may push is not always
// whoever may run programs on this machine.
func neverNone(
	want sandbox.Level, probe func(context.Context) (*sandbox.Sandbox, error),
) func(context.Context) (*sandbox.Sandbox, error) {
	return func(ctx context.Context) (*sandbox.Sandbox, error) {
		box, err := probe(ctx)
		if err != nil || box.Level() != sandbox.None || want == sandbox.None {
			return box, err
		}
		return nil, fault.New(fault.Slugc, fault.ExitCache, "push/no-sandbox",
			fmt.Errorf("building a push: no sandbox works on this machine: %s", box.Reason()),
			"install bubblewrap, or permit user namespaces, on the machine of the repository",
			"if everyone who may push may also run programs there as this user: slugc hook install --sandbox none")
	}
}

// pusherWriter writes to a client that may go away, and cancels the build when that happens.
type pusherWriter struct {
	io.Writer
	gone context.CancelCauseFunc
}

func (h pusherWriter) Write(p []byte) (int, error) {
	n, err := h.Writer.Write(p)
	if err != nil {
		h.gone(push.ErrClientGone)
	}
	return n, err
}

// maxSettleLog is the size in bytes from which on the settlers' log starts again.
const maxSettleLog = 1 << 20

// spawnSettler starts a process that outlives the push and settles it. It shares no terminal, session
// or open file with the hook.
func spawnSettler(self, repo, id string) error {
	file := filepath.Join(repo, "slugc", "settle.log")
	mode := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if info, err := os.Stat(file); err == nil && info.Size() > maxSettleLog {
		mode |= os.O_TRUNC
	}
	log, err := os.OpenFile(file, mode, 0o600)
	if err != nil {
		return fmt.Errorf("starting the settler: %w", err)
	}
	defer log.Close()
	if err := closeOnExec(); err != nil {
		return fmt.Errorf("starting the settler: %w", err)
	}
	cmd := exec.Command(self, "hook", "settle", "--await", id, repo)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", os.Environ(), log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the settler: %w", err)
	}
	return cmd.Process.Release()
}

// closeOnExec keeps children from inheriting the files that slugc was started with: a settler that
// held a pipe to the pusher would keep the push open.
func closeOnExec() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}
