package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"slugc/buildpacks/command"
	"slugc/compiler/follow"
	"slugc/compiler/launch"
	"slugc/compiler/release"
)

// startFlags are the flags of start, with and without --follow.
type startFlags struct {
	processFlags
	canDie, restart     []string
	formation, listen   string
	timeout, boot       time.Duration
	noTimestamp, follow bool
}

func (c *cli) startCommand() *cobra.Command {
	var f startFlags
	cmd := &cobra.Command{
		Use:   "start SLUG|APP|DIR",
		Short: "Run the formation of a slug, of an app's current release or of a directory, foreman-style",
		Long: `Start unpacks the slug once and runs its formation: an app's own, all=1 for a slug file, or the one that
-m names. PORT is the base port plus 100 for each process type and 1 for each instance. The first
process to end stops all the others, and its exit code is slugc's. Config vars come from -e and
--env-file, then the app's own, then .env of the working directory. A directory, such as . or ./blog,
is built first, as slugc build does it, and not registered; .env is then the directory's.

With --follow it runs whatever release is current: a new release starts beside the old one and takes
its place when it answers, a process that ends is started again, and ` + "`slugc scale`" + ` takes effect at once.
slugc itself listens on the port and passes connections on to the web processes, which get ports of
their own. SIGTERM or ^C ends it with code 0.`,
		Example: `  slugc start blog
  slugc start ./blog.tgz -m web=2,worker=1 -p 6000
  slugc start .
  slugc start blog --follow --listen 127.0.0.1`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := sourceDir(args[0])
			if f.follow {
				dir = ""
			}
			config, err := f.config(c, cmd, dir)
			if err != nil {
				return err
			}
			if f.port, _, err = f.portOf(c, cmd, config); err != nil {
				return err
			}
			if f.follow {
				if !cmd.Flags().Changed("timeout") {
					f.timeout = 0
				}
				return c.follow(cmd.Context(), args[0], f, command.Environ(config.given))
			}
			return c.start(cmd, args[0], f, config)
		},
	}
	f.flags(cmd)
	return cmd
}

func (f *startFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.formation, "formation", "m", "", "how many of each type: web=2,worker=1 or all=1")
	f.processFlags.flags(flags, "base port", " (default: .env of the working directory, not with --follow)")
	flags.DurationVarP(&f.timeout, "timeout", "t", 5*time.Second,
		"how long processes may take to end before they are killed; 30 s with --follow, and as long for connections")
	flags.StringSliceVar(&f.canDie, "can-die", nil, "types that may end without stopping the others")
	flags.StringSliceVar(&f.restart, "restart", nil, "types that are started again when they end")
	flags.BoolVar(&f.noTimestamp, "no-timestamp", false, "do not print the time before each line")
	flags.BoolVar(&f.follow, "follow", false, "switch to every new release and rollback of the app, and scale with it")
	flags.StringVar(&f.listen, "listen", "", "with --follow: the address to listen on (default: all of the machine's)")
	flags.DurationVar(&f.boot, "boot-timeout", time.Minute,
		"with --follow: how long a web process may take to answer on its port")
	for _, other := range []string{"formation", "can-die", "restart"} {
		cmd.MarkFlagsMutuallyExclusive("follow", other)
	}
}

func (c *cli) start(cmd *cobra.Command, name string, f startFlags, config processConfig) error {
	s, err := c.open(cmd, name)
	if err != nil {
		return err
	}
	defer s.Remove()
	counts, err := s.counts(f.formation)
	if err != nil {
		return err
	}
	env := c.environ(config, s.appSlug)
	if err := c.checkSlug(s.appSlug, counts, env); err != nil {
		return err
	}
	record, done, err := c.recorder(s.app, "start")
	if err != nil {
		return err
	}
	defer done()
	signals, kill := c.passSignals(false)
	c.exit, err = launch.Start(context.WithoutCancel(cmd.Context()), launch.StartOptions{
		Self: s.self, Dir: s.Dir, Directory: s.Directory, Mounts: s.Mounts, Layers: s.Layers, Tmp: s.Tmp,
		Signals: signals, Kill: kill,
		Processes: s.types, Formation: counts, BasePort: f.port, Env: env,
		CanDie: f.canDie, Restart: f.restart,
		Out: os.Stdout, Color: c.colorful(), Timestamps: !f.noTimestamp, Timeout: f.timeout,
		Record: func(name string, own bool, line []byte) { record(s.version, name, own, line) },
	})
	return err
}

// follow runs whatever release of the app is current.
func (c *cli) follow(ctx context.Context, app string, f startFlags, env []string) error {
	if err := checkApp(app); err != nil {
		return err
	}
	self, err := selfPath()
	if err != nil {
		return err
	}
	home, err := c.openHome()
	if err != nil {
		return err
	}
	c.settlePushes(ctx, app)
	record, done, err := c.recorder(app, "follow")
	if err != nil {
		return err
	}
	defer done()
	return c.withReleases(func(r *release.Releases) error {
		signals, kill := c.passSignals(false)
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		return follow.Run(ctx, follow.Options{
			App: app, Self: self, Updates: r.Follow(ctx, app), Fetch: c.fetcher(home), Runs: home.Path("run"),
			Trees: home.Path("trees"), Known: home.Digests(),
			Config: configOf(r), Check: c.checkMachine,
			Listen: f.listen, Port: f.port, Env: env, Grace: f.timeout, BootTimeout: f.boot,
			Console: launch.NewConsole(os.Stdout, c.colorful(), !f.noTimestamp), Record: record,
			Signals: signals, Kill: kill,
		})
	})
}

// configOf returns the function that finds a release's config vars for follow.
func configOf(r *release.Releases) func(context.Context, string, release.Release) ([]string, error) {
	return func(ctx context.Context, app string, rel release.Release) ([]string, error) {
		vars, err := r.ConfigOf(ctx, app, rel.Version)
		return command.Environ(vars), err
	}
}

// colorful reports whether the names of processes are coloured.
func (c *cli) colorful() bool {
	return isTerminal(os.Stdout) && c.ui.color && !c.ui.plain
}
