package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"slugc/cache"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/release"
	"slugc/compiler/report"
)

func (c *cli) appsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apps",
		Short: "List the apps, with their current releases and what this machine keeps of them",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.readReleases(func(r *release.Releases) error { return c.listApps(cmd.Context(), r) })
		},
	}
	c.jsonFlag(cmd)
	cmd.AddCommand(c.destroyCommand())
	return cmd
}

// appRow is one line of `slugc apps`.
type appRow struct {
	App      string     `json:"app"`
	Version  int        `json:"version"`               // of the current release; 0: none
	Released *time.Time `json:"released_at,omitempty"` // the current release
	Size     int64      `json:"size"`                  // bytes on this machine
}

// listApps lists the apps that have releases or state on this machine.
func (c *cli) listApps(ctx context.Context, r *release.Releases) error {
	home, err := c.openHome()
	if err != nil {
		return err
	}
	names, err := r.Apps(ctx)
	if err != nil {
		return err
	}
	here, err := home.Apps()
	if err != nil {
		return err
	}
	for _, app := range here {
		names = append(names, app.Name)
	}
	slices.Sort(names)
	rows, t := []appRow{}, newTable("APP", "RELEASE", "RELEASED", "SIZE")
	for _, name := range slices.Compact(names) {
		row := appRow{App: name}
		state, err := home.App(name)
		if err != nil {
			return err
		}
		if row.Size, err = disk.Size(state.Path()); err != nil {
			return err
		}
		version, released := "", ""
		switch current, err := r.Current(ctx, name); {
		case err == nil:
			row.Version, row.Released = current.Version, &current.CreatedAt
			version, released = fmt.Sprintf("v%d", row.Version), current.CreatedAt.Format(time.RFC3339)
		case !errors.Is(err, release.ErrNoReleases):
			return err
		}
		rows = append(rows, row)
		t.row(name, version, released, report.Bytes(row.Size))
	}
	return c.result(rows, t.String())
}

func (c *cli) destroyCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "destroy APP --yes",
		Short: "Remove an app: its releases, its config vars, its slugs and what builds have kept for it",
		Long: `Destroy removes an app's releases and config vars from the coordinator, and its slugs, layers and
logs from this machine. It refuses while a build or a process of the app runs here. What a slug store
holds stays there, because other apps may share its parts; so does what other machines keep.`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return fault.UsageError("usage/confirm",
					fmt.Errorf("destroying %q: this can't be undone, and --yes is not given", args[0]),
					fmt.Sprintf("if you are sure: slugc apps destroy %s --yes", args[0]))
			}
			return c.withReleases(func(r *release.Releases) error { return c.destroy(cmd.Context(), r, args[0]) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "really remove it")
	c.jsonFlag(cmd)
	return cmd
}

// lockWait is how long destroy waits for a build that is about to end.
const lockWait = 100 * time.Millisecond

func (c *cli) destroy(ctx context.Context, r *release.Releases, name string) error {
	home, err := c.openHome()
	if err != nil {
		return err
	}
	state, err := home.App(name)
	if err != nil {
		return err
	}
	_, missing := os.Stat(state.Path())
	repository := c.notedRepository(name)
	size, err := disk.Size(state.Path())
	if err != nil {
		return err
	}
	unlock, err := c.lockIdle(ctx, home, state)
	if err != nil {
		return err
	}
	defer unlock()
	err = r.Destroy(ctx, name)
	if errors.Is(err, release.ErrUnknownApp) && missing == nil {
		err = nil // what builds without a release have kept
	}
	if err == nil || missing != nil { // else the lock alone has made it
		err = errors.Join(err, disk.Discard(state.Path()))
	}
	if err != nil {
		return err
	}
	if repository != "" {
		c.ui.Warn(fmt.Sprintf("A push to %s releases it again; `slugc hook uninstall %[1]s` ends that.", repository))
	}
	return c.result(map[string]any{"app": name, "freed": size}, fmt.Sprintf("%s destroyed, freed %s", name,
		report.Bytes(size)))
}

// lockIdle takes the lock of an app that no process of this machine builds or runs.
func (c *cli) lockIdle(ctx context.Context, home *cache.Home, app *cache.App) (unlock func(), err error) {
	inUse := func(what string) error {
		return fault.TransientError("release/app-in-use",
			fmt.Errorf("destroying %q: %s on this machine", app.Name, what), "try again when it has ended")
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	unlock, err = app.Lock(ctx, nil)
	if errors.Is(err, cache.ErrLocked) {
		return nil, inUse("a build of it runs")
	}
	if err != nil {
		return nil, err
	}
	runs, err := launch.InUse(home.Path("run"), app.Name)
	if err == nil && runs {
		err = inUse("it runs")
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}
