package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"slugc/cache"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/slug"
)

// subject is what run and start work on: a slug unpacked in a directory of its own.
type subject struct {
	self, dir string
	types     []procfile.Process
	formation map[string]int // nil for a slug file
	remove    func()
}

// open finds the slug that SLUG|APP names and unpacks it. A name with a slash, or of an existing file, is a file; everything else is an app.
func (c *cli) open(cmd *cobra.Command, name string) (*subject, error) {
	self, err := selfPath()
	if err != nil {
		return nil, err
	}
	s := &subject{self: self}
	file, digest := name, ""
	home, err := c.openHome()
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(name); !strings.ContainsRune(name, '/') && (err != nil || info.IsDir()) {
		err := c.readReleases(func(r *release.Releases) error {
			current, err := r.Current(cmd.Context(), name)
			if err != nil {
				return err
			}
			if file, err = releasedFile(name, current); err != nil {
				return err
			}
			digest = current.Slug.Digest
			s.formation, err = r.Formation(cmd.Context(), name)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return s, s.unpack(cmd.Context(), c, home, file, digest)
}

// releasedFile is the file of a release's slug.
func releasedFile(app string, rel release.Release) (string, error) {
	u, err := url.Parse(rel.Slug.URL)
	if err != nil || u.Scheme != "file" {
		return "", fmt.Errorf("finding the slug of %s v%d: %q is not a file on this machine", app, rel.Version, rel.Slug.URL)
	}
	return u.Path, nil
}

func (s *subject) unpack(ctx context.Context, c *cli, home *cache.Home, file, digest string) error {
	m, err := slug.Inspect(file)
	if err != nil {
		return err
	}
	if digest != "" {
		// Unpacking checks the slug against itself; this, that it is the release's.
		is, _, err := slug.FileDigest(file)
		if err == nil && is != digest {
			err = fault.New(fault.Slugc, fault.ExitPack, "slug/not-the-release", fmt.Errorf("reading %q: its digest is %s, the release's is %s", file, is, digest),
				"build the app again, or roll back to a release whose slug is whole")
		}
		if err != nil {
			return err
		}
	}
	if err := os.MkdirAll(home.Path("run"), 0o700); err != nil {
		return fmt.Errorf("making a directory to run in: %w", err)
	}
	sweepRuns(home.Path("run"))
	tmp, err := os.MkdirTemp(home.Path("run"), fmt.Sprintf("%d-*", os.Getpid()))
	if err != nil {
		return fmt.Errorf("making a directory to run in: %w", err)
	}
	s.remove = func() { _ = cache.RemoveAll(tmp) }
	s.dir, s.types = filepath.Join(tmp, "app"), m.ProcessTypes
	if err := slug.Unpack(ctx, file, s.dir, slug.UnpackOptions{Progress: func(done, total int64) { c.ui.Progress("unpacking", done, total) }}); err != nil {
		s.remove()
		return err
	}
	c.ui.close()
	return nil
}

// sweepRuns removes the directories of runs whose process is gone.
func sweepRuns(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		pid, _, _ := strings.Cut(e.Name(), "-")
		if _, err := os.Stat("/proc/" + pid); err != nil {
			_ = cache.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

func (c *cli) runCommand() *cobra.Command {
	var env []string
	var envFile string
	var port int
	cmd := &cobra.Command{
		Use:   "run SLUG|APP [TYPE | -- CMD…]",
		Short: "Run one process of a slug or of an app's current release, as a dyno would",
		Long: `Run unpacks the slug into a directory of its own, sources .profile.d/*.sh and .profile and runs the process type (default: web) or the
command with HOME and the working directory in the app. Signals go to the whole process group; the exit code is the process's.`,
		Example: `  slugc run blog                      the web process of the current release
  slugc run ./blog.tgz worker
  slugc run blog -- node -e 'console.log(process.version)'`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := c.readEnv(envFile, env)
			if err != nil {
				return err
			}
			s, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			defer s.remove()
			o := launch.RunOptions{Self: s.self, Dir: s.dir, Env: pairs(config), Dyno: fmt.Sprintf("run.%d", os.Getpid()),
				Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Grace: 30 * time.Second}
			if err := s.choose(&o, cmd.ArgsLenAtDash(), args, port); err != nil {
				return err
			}
			if term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())) {
				o.Terminal = c.env.vars["TERM"]
			}
			o.Signals, o.Kill = c.passSignals(o.Terminal != "")
			c.exit, err = launch.Run(context.WithoutCancel(cmd.Context()), o)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&env, "env", "e", nil, "config var `K=V` (or K, from the environment)")
	flags.StringVar(&envFile, "env-file", "", "read config vars from this file")
	flags.IntVarP(&port, "port", "p", 5000, "PORT of a web process")
	return cmd
}

// passSignals ends slugc's own handling of signals: from now on they are for the processes it runs. A second SIGINT or SIGTERM asks for killing them at once. Processes
// that share the terminal have had its SIGINT already.
func (c *cli) passSignals(terminal bool) (<-chan os.Signal, <-chan struct{}) {
	c.release()
	caught, pass, kill := make(chan os.Signal, 8), make(chan os.Signal, 8), make(chan struct{})
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		stops := 0
		for sig := range caught {
			if terminal && sig == os.Interrupt {
				continue
			}
			if sig == os.Interrupt || sig == syscall.SIGTERM {
				if stops++; stops == 2 {
					close(kill)
				}
			}
			pass <- sig
		}
	}()
	return pass, kill
}

// choose sets what is to run: a process type, or a command after --.
func (s *subject) choose(o *launch.RunOptions, dash int, args []string, port int) error {
	if dash == 1 && len(args) > 1 {
		o.Command = launch.Quote(args[1:])
		return nil
	}
	if len(args) > 2 || dash > 1 {
		return fault.UsageError("usage/arguments", fmt.Errorf("reading the arguments: there is one too many, %q", args[2]), "to run a command, write `slugc run "+args[0]+" -- CMD…`")
	}
	typ := "web"
	if len(args) == 2 {
		typ = args[1]
	}
	i := slices.IndexFunc(s.types, func(p procfile.Process) bool { return p.Type == typ })
	if i < 0 {
		var known []string
		for _, p := range s.types {
			known = append(known, p.Type)
		}
		return fault.UsageError("run/unknown-type", fmt.Errorf("running %q: the slug has no such process type", typ),
			"there are: "+strings.Join(known, ", "), "to run a command, write `slugc run "+args[0]+" -- "+typ+"`")
	}
	o.Command = s.types[i].Command
	if typ == "web" {
		o.Port, o.Dyno = port, "web.1"
	}
	return nil
}

func pairs(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for _, k := range slices.Sorted(maps.Keys(env)) {
		list = append(list, k+"="+env[k])
	}
	return list
}

func (c *cli) startCommand() *cobra.Command {
	var env, canDie, restart []string
	var envFile, formation string
	var port int
	var timeout time.Duration
	var noTimestamp bool
	cmd := &cobra.Command{
		Use:   "start SLUG|APP",
		Short: "Run the formation of a slug or of an app's current release, foreman-style",
		Long: `Start unpacks the slug once and runs its formation: an app's own, all=1 for a slug file, or what -m says. PORT is the base port plus 100 for each process
type and 1 for each instance. The first process to end stops all the others, and its exit code is slugc's.`,
		Example: `  slugc start blog
  slugc start ./blog.tgz -m web=2,worker=1 -p 6000`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := c.readEnv(envFile, env)
			if err != nil {
				return err
			}
			s, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			defer s.remove()
			if formation == "" && s.formation == nil {
				formation = "all=1"
			}
			counts := s.formation
			if formation != "" {
				if counts, err = launch.ParseFormation(formation, s.types); err != nil {
					return err
				}
			}
			signals, kill := c.passSignals(false)
			c.exit, err = launch.Start(context.WithoutCancel(cmd.Context()), launch.StartOptions{Self: s.self, Dir: s.dir, Signals: signals, Kill: kill, Processes: s.types, Formation: counts,
				BasePort: basePort(cmd, port, config, c.env), Env: pairs(config), Out: os.Stdout,
				Color: term.IsTerminal(int(os.Stdout.Fd())) && c.ui.color && !c.ui.plain, Timestamps: !noTimestamp, Timeout: timeout, CanDie: canDie, Restart: restart})
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&formation, "formation", "m", "", "how many of each type: web=2,worker=1 or all=1")
	flags.IntVarP(&port, "port", "p", 5000, "base port (default: PORT of --env-file, of the environment, 5000)")
	flags.StringArrayVarP(&env, "env", "e", nil, "config var `K=V` (or K, from the environment)")
	flags.StringVar(&envFile, "env-file", "", "read config vars from this file")
	flags.DurationVarP(&timeout, "timeout", "t", 5*time.Second, "how long processes may take to end before they are killed")
	flags.StringSliceVar(&canDie, "can-die", nil, "types that may end without stopping the others")
	flags.StringSliceVar(&restart, "restart", nil, "types that are started again when they end")
	flags.BoolVar(&noTimestamp, "no-timestamp", false, "do not print the time before each line")
	return cmd
}

// basePort follows foreman: -p, PORT of the config vars, $PORT, 5000.
func basePort(cmd *cobra.Command, flag int, config map[string]string, env environment) int {
	if cmd.Flags().Changed("port") {
		return flag
	}
	for _, v := range []string{config["PORT"], env.vars["PORT"]} {
		var n int
		if _, err := fmt.Sscanf(v, "%d", &n); err == nil && n > 0 && n < 65536 {
			return n
		}
	}
	return flag
}
