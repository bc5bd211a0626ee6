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
		Short:  "Be a hook of the repository in the working directory; git calls it",
		Hidden: true,
		Args:   usageArgs(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			input, err := io.ReadAll(os.Stdin)
			if err != nil {
				return fmt.Errorf("reading the refs of a push: %w", err)
			}
			earlier := push.Earlier{
				Path:   before,
				Args:   args[1:],
				Env:    os.Environ(),
				Stdin:  input,
				Stdout: os.Stdout,
				Stderr: os.Stderr,
			}
			if c.exit, err = earlier.Run(cmd.Context()); c.exit != 0 || err != nil {
				return err
			}
			given := c.hookGiven()
			if err := c.keepEnvironment(); err != nil {
				return err
			}
			hook, err := c.hook(cmd.Context(), given.dir)
			if err != nil || hook.Settings.App == "" {
				return err
			}
			updates, err := push.ReadUpdates(bytes.NewReader(input))
			if err != nil {
				return err
			}
			return c.runHook(cmd.Context(), hook, given, args, updates)
		},
	}
	cmd.Flags().StringVar(&before, "before", "", "hook that was there before and runs first")
	return cmd
}

// given is what git and its server tell a hook in its environment.
type given struct {
	dir        string
	quarantine []string
	options    []string
	actor      string
}

// hookGiven reads the environment that keepEnvironment then clears.
func (c *cli) hookGiven() given {
	g := given{
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

// keptVariables, and those that begin so, are what a hook's own work, and the tools it asks, may
// know of the environment of the git server, which holds the pusher's headers and keys too.
var (
	keptVariables = append(
		append(
			[]string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR"},
			slices.Concat(passed, storeSettings)...),
		goVariables...)
	keptPrefixes = []string{"SLUGC_", "XDG_", "LC_", "npm_config_", "NPM_CONFIG_"}
)

// keepEnvironment leaves only those variables, for slugc and every child.
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

// runHook is what git calls hook name for.
func (c *cli) runHook(ctx context.Context, h *push.Hook, g given, args []string, updates []push.Update) error {
	receiver, err := push.Receiver(os.Getpid())
	switch args[0] {
	case "reference-transaction":
		if len(args) != 2 {
			return fault.UsageError(
				"usage/arguments",
				fmt.Errorf("reading the arguments: reference-transaction has a phase"),
				"git itself calls this command",
			)
		}
		var by *push.Process
		if err == nil {
			by = &receiver
		}
		return h.Transact(ctx, args[1], by, updates)
	case "pre-receive", "post-receive":
	default:
		return fault.UsageError(
			"usage/arguments",
			fmt.Errorf("reading the arguments: there is no hook %q", args[0]),
			"git itself calls this command",
		)
	}
	if err != nil {
		return fault.New(
			fault.Slugc,
			0,
			"push/no-receive-pack",
			fmt.Errorf("running the hook %s: git receive-pack has not called it, or has ended", args[0]),
			"git itself calls this command",
		)
	}
	if args[0] == "post-receive" {
		return h.Received(ctx, receiver, updates)
	}
	return c.preReceive(ctx, h, g, receiver, updates)
}

// preReceive builds for as long as somebody waits for the push.
func (c *cli) preReceive(
	ctx context.Context,
	h *push.Hook,
	g given,
	receiver push.Process,
	updates []push.Update,
) error {
	ctx, cancel := push.Watch(ctx, receiver)
	defer cancel(nil)
	// Without this the first write that nobody reads would end the process before it has cleaned
	// up. The signal is not ignored, which children would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	c.ui.err = heard{c.ui.err, cancel}
	err := c.receive(ctx, h, g, receiver, updates)
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	c.exit = f.Code
	if errors.Is(err, push.ErrClientGone) {
		return nil // nobody is there to be told
	}
	c.ui.fault(f)
	c.ui.errorf("push rejected: %s", h.Stays(context.WithoutCancel(ctx)))
	return nil
}

func (c *cli) receive(ctx context.Context, h *push.Hook, g given, receiver push.Process, updates []push.Update) error {
	engine, err := c.engine()
	if err != nil {
		return err
	}
	config := releaseConfig{file: h.Settings.ReleaseEnvFile}
	deployment, err := config.options(c)
	if err != nil {
		return err
	}
	deployment.Actor = g.actor
	env, err := c.readEnv("env", h.Settings.EnvFile, nil)
	if err != nil {
		return err
	}
	limit, err := parseSize(defaultLimit)
	if err != nil {
		return err
	}
	return h.Receive(
		ctx,
		push.Push{Updates: updates, Options: g.options, Quarantine: g.quarantine, Receiver: receiver},
		push.Builder{
			Compile: engine.Compile,
			Request: compiler.Request{
				Env:    c.buildEnv(env),
				Source: source.Spec{Env: c.fetchEnv(passed...)},
				Limit:  limit,
				Deploy: deployment,
				Limits: sandbox.Limits{Deadline: deadline, Idle: idle, Log: logLimit},
			},
			Spawn: func(id string) error { return spawnSettler(engine.Self, h.Repo.Dir, id) },
		},
	)
}

// heard is a writer to somebody who may go away.
type heard struct {
	io.Writer
	gone context.CancelCauseFunc
}

func (h heard) Write(p []byte) (int, error) {
	n, err := h.Writer.Write(p)
	if err != nil {
		h.gone(push.ErrClientGone)
	}
	return n, err
}

// maxSettleLog is from which size on the settlers' log begins anew.
const maxSettleLog = 1 << 20

// spawnSettler starts a process that outlives the push and settles it. It has nothing of the
// hook's: no terminal, no session, no open file.
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

// closeOnExec keeps files that slugc was started with from its children: a pipe to the pusher that
// a settler held would keep the push open.
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
