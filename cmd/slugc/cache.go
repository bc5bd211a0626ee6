package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"slugc/cache"
	"slugc/compiler/artifact"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/release"
	"slugc/compiler/report"
	"slugc/compiler/upkeep"
)

func (c *cli) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "List, prune or verify what slugc keeps between builds",
		Args:  usageArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.cacheListCommand(), c.cachePruneCommand(), c.cacheVerifyCommand())
	return cmd
}

func (c *cli) cacheListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List what is kept between builds: for what, since when it has not served, what its removal frees",
		Long: `Ls lists what slugc keeps, what has not served for longest first: this is the order in which it goes
when a budget is exceeded or the disk is nearly full. A line says when it last served (at most an hour
too early), its size, what removing it would free (not what others use too), what it is for, and why it
stays, if it does. Logs and the coordinator are not listed.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			home, err := c.openHome()
			if err != nil {
				return err
			}
			list, total, err := c.keeper(home, upkeep.Limits{}).List(cmd.Context())
			if err != nil {
				return err
			}
			if list == nil {
				list = []upkeep.Entry{}
			}
			t := newTable("LAST USE", "SIZE", "FREES", "APP", "WHAT", "FOR", "KEPT BECAUSE")
			for _, e := range list {
				used := "never"
				if !e.Used.IsZero() {
					used = e.Used.UTC().Format("2006-01-02 15:04")
				}
				t.row(used, report.Bytes(e.Size), report.Bytes(e.Frees), e.App, e.What, e.For, e.Kept)
			}
			t.row("total", report.Bytes(total))
			return c.result(list, t.String())
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// pruneFlags say what goes.
type pruneFlags struct {
	app, older, size string
	all              bool
}

func (c *cli) cachePruneCommand() *cobra.Command {
	var f pruneFlags
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove what no build needs",
		Long: `Prune removes an app's slugs but the last ten that were released, segments that no kept slug uses,
what killed processes left to run in, config vars of releases whose slug is gone, and toolchains, buildpacks
and caches of apps that no build used for the given time. If the rest has more bytes than the budget, what
has not served for longest goes too: see slugc cache ls. What a running build uses stays. With --all it
removes the apps' layers and submodules, all toolchains and buildpacks, and what is kept unpacked to run: the
next builds start from scratch.
Releases stay.

After each build, slugc does the same with what exceeds the two budgets. Before a build on a nearly full
disk (a tenth of the bytes or inodes is free; 1 GB on a small disk, 10 GB on a large one) it makes room.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			home, err := c.openHome()
			if err != nil {
				return err
			}
			limits, err := c.cacheLimits(home.Path(), f.size, f.older)
			if err != nil {
				return err
			}
			freed, err := c.prune(cmd, home, f, limits)
			if err != nil {
				return err
			}
			return c.result(map[string]int64{"freed": freed}, "freed "+report.Bytes(freed))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.app, "app", "", "only this app's")
	flags.StringVar(&f.older, "older", "",
		"remove what was not used for this `AGE` (default $SLUGC_CACHE_AGE, else 30d; 0 is no limit)")
	flags.StringVar(&f.size, "size", "",
		"most `BYTES` of all (default $SLUGC_CACHE_SIZE, else a fifth of the disk, 50GB at most; 0 is no limit)")
	flags.BoolVar(&f.all, "all", false, "remove kept layers, segments and submodules too")
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) prune(cmd *cobra.Command, home *cache.Home, f pruneFlags, limits upkeep.Limits) (int64, error) {
	apps, err := home.Apps()
	if err != nil {
		return 0, err
	}
	var freed int64
	add := func(n int64, err error) error {
		freed += n
		return err
	}
	for _, app := range apps {
		if f.app != "" && app.Name != f.app {
			continue
		}
		if err := add(c.pruneApp(cmd, app, f.all)); err != nil {
			return freed, err
		}
	}
	if f.app == "" {
		if err := add(launch.Sweep(home.Path("run"))); err != nil {
			return freed, err
		}
		if err := add(pruneShared(cmd.Context(), home, f.all, limits.Age)); err != nil {
			return freed, err
		}
	}
	if f.all {
		limits.Age = 1
	}
	return freed, add(c.keeper(home, limits).Prune(cmd.Context(), f.app))
}

// lockApp takes an app's lock, under which slugs are added and removed.
func (c *cli) lockApp(ctx context.Context, app *cache.App) (unlock func(), err error) {
	return app.Lock(ctx, func(pid int) { c.ui.Step(fmt.Sprintf("Waiting for a build of %s (pid %d)", app.Name, pid)) })
}

// pruneApp holds the app's lock, so that no build loses what it uses.
func (c *cli) pruneApp(cmd *cobra.Command, app *cache.App, all bool) (int64, error) {
	unlock, err := c.lockApp(cmd.Context(), app)
	if err != nil {
		return 0, err
	}
	defer unlock()
	var freed int64
	err = c.withReleases(func(r *release.Releases) error {
		list, err := r.List(cmd.Context(), app.Name)
		if err != nil {
			return err
		}
		if freed, err = pruneSlugs(cmd.Context(), app, list, all); err != nil {
			return err
		}
		return c.pruneConfig(cmd.Context(), r, app)
	})
	return freed, err
}

// pruneSlugs removes an app's slugs that its releases, the newest first, do not need.
func pruneSlugs(ctx context.Context, app *cache.App, list []release.Release, all bool) (freed int64, err error) {
	needed := upkeep.Needed(list)
	if all {
		freed, err = artifact.Clear(app, needed)
	} else {
		freed, err = artifact.Prune(ctx, app, needed)
	}
	if err != nil {
		return freed, fault.New(fault.Slugc, fault.ExitCache, "cache/prune", err,
			"`slugc cache verify` names what is damaged")
	}
	return freed, nil
}

// pruneConfig removes the config vars of an app's releases that cannot be rolled back to, because their slugs are
// gone. A slug that this machine never had may be on another one.
func (c *cli) pruneConfig(ctx context.Context, r *release.Releases, app *cache.App) error {
	address, err := c.coordinatorAddress()
	if err != nil {
		return err
	}
	_, err = r.PruneConfig(ctx, app.Name, func(rel release.Release) bool {
		return address.cluster != nil || !artifact.IsFileURL(rel.Slug.URL) || artifact.IsHere(rel.Slug, app)
	})
	return err
}

func (c *cli) cacheVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check every toolchain, buildpack, kept segment and slug; the next build makes again what is damaged",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			home, err := c.openHome()
			if err != nil {
				return err
			}
			apps, err := home.Apps()
			if err != nil {
				return err
			}
			problems := []string{}
			found, err := verifyShared(cmd.Context(), home)
			if err != nil {
				return err
			}
			problems = append(problems, found...)
			for _, app := range apps {
				unlock, err := app.Lock(cmd.Context(), nil)
				if err != nil {
					return err
				}
				found, err := artifact.Verify(cmd.Context(), app)
				unlock()
				if err != nil {
					return err
				}
				problems = append(problems, found...)
			}
			switch err := c.verifyCoordinator(cmd.Context(), home); {
			case errors.Is(err, local.ErrDamaged), errors.Is(err, local.ErrMissing), errors.Is(err, local.ErrOlder):
				problems = append(problems, err.Error())
			case err != nil:
				return err
			}
			for _, p := range problems {
				c.ui.Warn(p)
			}
			line := fmt.Sprintf("%d problems in %d apps", len(problems), len(apps))
			if err := c.result(map[string]any{"problems": problems}, line); err != nil {
				return err
			}
			if len(problems) > 0 {
				c.exit = fault.ExitCache
			}
			return nil
		},
	}
	c.jsonFlag(cmd)
	return cmd
}
