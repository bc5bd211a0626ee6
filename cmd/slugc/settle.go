package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"slugc/cache/disk"
)

// repositoryNote is the file among an app's state that names the repository whose pushes release it.
const repositoryNote = "repository"

// noteRepository notes which repository's pushes release an app on this machine.
func (c *cli) noteRepository(app, dir string) error {
	home, err := c.openHome()
	if err != nil {
		return err
	}
	state, err := home.App(app)
	if err != nil {
		return err
	}
	note := state.Path(repositoryNote)
	if is, err := disk.ReadRegular(note, 1<<16); err == nil && string(is) == dir {
		return nil
	}
	if err := os.MkdirAll(state.Path(), 0o700); err != nil {
		return fmt.Errorf("noting the repository: %w", err)
	}
	return disk.WriteFile(note, []byte(dir), 0o600)
}

// notedRepository returns the repository whose pushes release an app on this machine, "" if there is none.
func (c *cli) notedRepository(app string) string {
	home, err := c.openHome()
	if err != nil {
		return "" // what is read next says why
	}
	state, err := home.App(app)
	if err != nil {
		return ""
	}
	dir, err := disk.ReadRegular(state.Path(repositoryNote), 1<<16)
	if err != nil {
		return ""
	}
	return string(dir)
}

// pushedConfig returns the file with the config vars of the release processes of pushes that release the app on
// this machine; "" if they have none, or the repository is gone.
func (c *cli) pushedConfig(ctx context.Context, app string) string {
	dir := c.notedRepository(app)
	if dir == "" {
		return ""
	}
	repo, err := c.repository(ctx, dir)
	if err != nil {
		return ""
	}
	s, err := repo.Settings(ctx)
	if err != nil || s.App != app || s.ReleaseEnvFile == "" {
		return ""
	}
	c.ui.Detail(fmt.Sprintf("Config vars of the release process: %s, as for pushes to %s", s.ReleaseEnvFile, dir))
	return s.ReleaseEnvFile
}

// settlePushes settles the pushes of an app that have no process left, so that what is read next is
// what git's branch says. What goes wrong is a warning: the next push tries again.
func (c *cli) settlePushes(ctx context.Context, app string) {
	dir := c.notedRepository(app)
	if dir == "" {
		return
	}
	pushes, _ := filepath.Glob(filepath.Join(strings.NewReplacer("*", "?", "[", "?").Replace(dir),
		"slugc", "pushes", "*.json"))
	if len(pushes) == 0 {
		return
	}
	// The repository's settings are those of its hooks, and not of this command.
	hooks := &cli{ui: c.ui, env: c.env, home: c.home, coordinator: c.coordinator, store: c.store, sandbox: c.sandbox}
	hooks.env.vars = maps.Clone(c.env.vars)
	defer hooks.closeCoordinator()
	hook, err := hooks.hook(ctx, dir)
	if err == nil && hook.Settings.App == app {
		outcomes, failed := hook.Settle(ctx)
		for _, o := range outcomes {
			hook.ReportOutcome(&o)
		}
		err = failed
	}
	if err != nil {
		c.ui.Warn("settling interrupted pushes: " + err.Error())
	}
}
