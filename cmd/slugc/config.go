package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"slugc/compiler/deploy"
	"slugc/compiler/release"
	"slugc/compiler/source"
)

func (c *cli) configCommand() *cobra.Command {
	var names bool
	cmd := &cobra.Command{
		Use:   "config [APP]",
		Short: "Show or change the config vars that are kept with an app",
		Long: `Config shows an app's config vars as lines NAME=VALUE, which --from-file of config set reads back;
with --names, their names only. They are kept with the coordinator and reach the app's processes: run,
start, export, the release process. A change makes the next release of the same slug, and a rollback
takes the config vars of the earlier release. Without APP it is the app that slugc build would build here.`,
		Example: `  slugc config set blog LOG_LEVEL=info
  slugc config set blog DATABASE_URL <url.txt
  slugc config set blog --from-file production.env
  slugc config blog --names
  slugc config get blog LOG_LEVEL
  slugc config unset blog LOG_LEVEL`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			app, err := namedApp(args)
			if err != nil {
				return err
			}
			vars, err := c.appConfig(cmd.Context(), app)
			if err != nil {
				return err
			}
			if names {
				return c.result(append([]string{}, vars.Names()...), strings.Join(vars.Names(), "\n"))
			}
			if c.asJSON {
				return c.document(map[string]string(vars))
			}
			return c.ui.value(envFile(vars))
		},
	}
	cmd.Flags().BoolVar(&names, "names", false, "show no values")
	c.jsonFlag(cmd)
	cmd.AddCommand(c.configGetCommand(), c.configSetCommand(), c.configUnsetCommand())
	return cmd
}

// namedApp returns the app that the arguments name, else the one that a build of the working directory would have.
func namedApp(args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("naming the app: %w", err)
	}
	app := appName(source.Spec{Dir: dir})
	return app, checkApp(app)
}

// appConfig returns an app's own config vars.
func (c *cli) appConfig(ctx context.Context, app string) (vars release.Config, err error) {
	err = c.readReleases(func(r *release.Releases) error {
		c.settlePushes(ctx, app)
		vars, err = r.Config(ctx, app)
		return err
	})
	return vars, err
}

func (c *cli) configGetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get APP NAME",
		Short: "Print one config var's value",
		Args:  usageArgs(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			vars, err := c.appConfig(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			value, set := vars[args[1]]
			if !set {
				return release.ConfigUnset(args[0], args[1])
			}
			if c.asJSON {
				return c.document(map[string]string{args[1]: value})
			}
			return c.ui.value(value + "\n")
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) configSetCommand() *cobra.Command {
	var file string
	var config releaseConfig
	cmd := &cobra.Command{
		Use:   "set APP NAME=VALUE…",
		Short: "Set config vars, as one new release of the same slug",
		Long: `Set changes all the config vars that it names at once, and makes the app's next release with them.
The value of a NAME alone is read from stdin, so that neither the shell's history nor the list of
processes has it. If the slug has a process type release, that runs first; if it fails, nothing changes.`,
		Example: `  slugc config set blog LOG_LEVEL=info TZ=UTC
  slugc config set blog DATABASE_URL <url.txt
  slugc config set blog --from-file production.env`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			vars, err := c.readConfigVars(cmd, file, args[1:])
			if err != nil {
				return err
			}
			return c.configure(cmd.Context(), args[0], release.ConfigChange{Set: vars}, config)
		},
	}
	cmd.Flags().StringVar(&file, "from-file", "", "read config vars from this file, NAME=VALUE a line; - is stdin")
	config.flags(cmd)
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) configUnsetCommand() *cobra.Command {
	var config releaseConfig
	cmd := &cobra.Command{
		Use:   "unset APP NAME…",
		Short: "Remove config vars, as one new release of the same slug",
		Args:  usageArgs(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.configure(cmd.Context(), args[0], release.ConfigChange{Unset: args[1:]}, config)
		},
	}
	config.flags(cmd)
	c.jsonFlag(cmd)
	return cmd
}

// configured is the result of config set and unset.
type configured struct {
	App     string   `json:"app"`
	Version int      `json:"version"` // of the current release; 0: none yet
	New     bool     `json:"new"`     // the change made it
	Changed []string `json:"changed"` // the names of the config vars that changed
}

// configure changes an app's config vars.
func (c *cli) configure(ctx context.Context, app string, change release.ConfigChange, config releaseConfig) error {
	if err := change.Check(); err != nil {
		return err
	}
	c.settlePushes(ctx, app)
	o, err := config.options(ctx, c, app)
	if err != nil {
		return err
	}
	engine, err := c.engine()
	if err != nil {
		return err
	}
	var done release.Reconfiguration
	err = c.openReleases(release.Options{Actor: o.Actor}, func(r *release.Releases) error {
		done, err = c.deployer(engine, r).Configure(ctx, app, change, o)
		return err
	})
	if err != nil {
		return err
	}
	version := done.Release.Version
	result := configured{app, version, version > 0 && len(done.Changed) > 0, append([]string{}, done.Changed...)}
	line := app
	if version > 0 {
		line = fmt.Sprintf("%s v%d", app, version)
	}
	switch {
	case len(done.Changed) == 0:
		c.ui.Step(app + " has these config vars already: nothing changed")
	case version == 0:
		c.ui.Step(fmt.Sprintf("%s has no release yet: its first one gets %s", app, done.Vars))
	default:
		c.ui.Step(fmt.Sprintf("Released %s: %s", line, done.Release.Description))
	}
	return c.result(result, line)
}

// reportConfig says which config vars a rollback changed.
func (c *cli) reportConfig(app string, before, after release.Config) {
	var changed []string
	for _, name := range slices.Concat(before.Names(), after.Names()) {
		was, had := before[name]
		if is, has := after[name]; was != is || had != has {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	if changed = slices.Compact(changed); len(changed) > 0 {
		c.ui.Detail(fmt.Sprintf("config vars of %s that went back too: %s", app, strings.Join(changed, ", ")))
	}
}

// rollback rolls an app back and says which of its config vars changed.
func (c *cli) rollback(
	ctx context.Context, d *deploy.Deployer, app string, version int, o deploy.Options,
) (release.Release, error) {
	before, err := d.Releases.Config(ctx, app)
	if err != nil {
		return release.Release{}, err
	}
	made, err := d.Rollback(ctx, app, version, o)
	if err != nil {
		return made, err
	}
	c.ui.Step(fmt.Sprintf("Rolled %s back to v%d as v%d", app, made.RollbackOf, made.Version))
	after, err := d.Releases.ConfigOf(ctx, app, made.Version)
	if err != nil {
		return made, err
	}
	c.reportConfig(app, before, after)
	return made, nil
}
