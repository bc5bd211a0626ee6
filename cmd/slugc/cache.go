package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"slugc/buildpacks/toolchain"
	"slugc/cache"
	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/artifact"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/release"
	"slugc/compiler/report"
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

// cacheEntry is one line of `slugc cache ls`.
type cacheEntry struct {
	App  string `json:"app,omitempty"` // "" for what all apps share
	What string `json:"what"`
	Size int64  `json:"size"` // bytes
}

func (c *cli) cacheListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List what is kept between builds, with sizes",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			home, err := c.openHome()
			if err != nil {
				return err
			}
			list, err := c.cacheEntries(cmd, home)
			if err != nil {
				return err
			}
			var total int64
			t := newTable("APP", "WHAT", "SIZE")
			for _, k := range list {
				total += k.Size
				t.row(k.App, k.What, report.Bytes(k.Size))
			}
			t.row("", "total", report.Bytes(total))
			return c.result(list, t.String())
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) cacheEntries(cmd *cobra.Command, home *cache.Home) ([]cacheEntry, error) {
	list, err := sharedEntries(home)
	if err != nil {
		return nil, err
	}
	apps, err := home.Apps()
	if err != nil {
		return nil, err
	}
	for _, app := range apps {
		for _, part := range []string{"layers", "segments", "slugs", "submodules", "build"} {
			size, err := disk.Size(app.Path(part))
			if err != nil {
				return nil, err
			}
			if size > 0 {
				list = append(list, cacheEntry{App: app.Name, What: part, Size: size})
			}
		}
	}
	return list, cmd.Context().Err()
}

func (c *cli) cachePruneCommand() *cobra.Command {
	var app string
	var age time.Duration
	var all bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove what no build needs",
		Long: `Prune removes an app's slugs but the last ten that were released, segments that no kept slug uses,
what killed processes left to run in, config vars of releases whose slug is gone, and toolchains that no
build used for the given time. With --all it also removes the apps' layers and submodules: the next
builds start from scratch. Releases stay.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			home, err := c.openHome()
			if err != nil {
				return err
			}
			freed, err := c.prune(cmd, home, app, age, all)
			if err != nil {
				return err
			}
			return c.result(map[string]int64{"freed": freed}, "freed "+report.Bytes(freed))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&app, "app", "", "only this app's")
	flags.DurationVar(&age, "older", 30*24*time.Hour, "remove toolchains not used for this long")
	flags.BoolVar(&all, "all", false, "remove kept layers, segments and submodules too")
	c.jsonFlag(cmd)
	return cmd
}

// keptSlugs is how many of an app's newest released slugs a prune keeps. Those of the current release
// and of pending ones always stay.
const keptSlugs = 10

func (c *cli) prune(cmd *cobra.Command, home *cache.Home, only string, age time.Duration, all bool) (int64, error) {
	apps, err := home.Apps()
	if err != nil {
		return 0, err
	}
	var freed int64
	for _, app := range apps {
		if only != "" && app.Name != only {
			continue
		}
		n, err := c.pruneApp(cmd, app, all)
		freed += n
		if err != nil {
			return freed, err
		}
	}
	if only != "" {
		return freed, nil
	}
	n, err := launch.Sweep(home.Path("run"))
	freed += n
	if err != nil {
		return freed, err
	}
	n, err = pruneShared(cmd.Context(), home, func(_ toolchain.Toolchain, used time.Time) bool {
		return !all && time.Since(used) < age
	})
	return freed + n, err
}

// keepTool reports whether a toolchain that was last used at a time stays.
type keepTool func(t toolchain.Toolchain, used time.Time) bool

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
	needed := map[digest.Digest]bool{}
	for _, rel := range list {
		if len(needed) < keptSlugs || rel.Status == release.Current || rel.Status == release.Pending {
			needed[rel.Slug.Digest] = true
		}
	}
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
		Short: "Check every toolchain, kept segment and slug; the next build makes again what is damaged",
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
