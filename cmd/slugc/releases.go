package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/artifact"
	"slugc/compiler/deploy"
	"slugc/compiler/fault"
	"slugc/compiler/release"
	"slugc/compiler/slug"
)

func (c *cli) registerCommand() *cobra.Command {
	var app, message, key string
	var config releaseConfig
	cmd := &cobra.Command{
		Use:   "register FILE --app NAME",
		Short: "Register a slug that was built earlier as an app's next release",
		Long: `Register verifies the slug, keeps a copy in the state directory, puts it in the slug store if there is
one, and makes it the app's next release. Registering it again with the same --key returns the same
release.`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := config.options(cmd.Context(), c, app)
			if err != nil {
				return err
			}
			o.Key = key
			return c.register(cmd.Context(), args[0], app, message, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&app, "app", "", "the app's name")
	flags.StringVarP(&message, "message", "m", "", "the release's description")
	flags.StringVar(&key, "key", "", "idempotency key: the same key returns the same release")
	_ = cmd.MarkFlagRequired("app")
	config.flags(cmd)
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) register(ctx context.Context, file, app, message string, o deploy.Options) error {
	verified, err := slug.Verify(ctx, file, "")
	if err != nil {
		return err
	}
	sum, size, err := digest.File(file)
	if err != nil {
		return err
	}
	engine, err := c.engine()
	if err != nil {
		return err
	}
	state, err := engine.Home.App(app)
	if err != nil {
		return err
	}
	// Until a release names the slug, a prune would remove it.
	unlock, err := c.lockApp(ctx, state)
	if err != nil {
		return err
	}
	defer unlock()
	path := state.Path("slugs", artifact.FileName(sum))
	if err := keepSlug(file, path, size); err != nil {
		return err
	}
	if message == "" {
		message = "Register " + filepath.Base(file)
	}
	url, err := artifact.Store(ctx, c.openStore, c.ui, path, sum)
	if err != nil {
		return err
	}
	return c.withReleases(func(r *release.Releases) error {
		made, err := c.deployer(engine, r).Deploy(ctx, app, path, release.Request{
			Processes:   verified.ProcessTypes,
			Description: message,
			Target:      verified.Target,
			Slug:        release.SlugRef{Digest: sum, Content: verified.Content, Size: size, URL: url},
		}, o)
		if err != nil {
			return err
		}
		return c.result(made, fmt.Sprintf("%s v%d", app, made.Version))
	})
}

// keepSlug copies a verified slug to its place, unless it is there already.
func keepSlug(from, to string, size int64) error {
	if kept, err := os.Stat(to); err == nil && kept.Size() == size {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return fmt.Errorf("keeping the slug: %w", err)
	}
	return disk.ReplaceFile(from, to, 0o644)
}

func (c *cli) releasesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "releases [APP]",
		Short: "List an app's releases, or the apps that have any",
		Args:  usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.readReleases(func(r *release.Releases) error {
				if len(args) == 0 {
					apps, err := r.Apps(cmd.Context())
					if err != nil {
						return err
					}
					return c.result(apps, strings.Join(apps, "\n"))
				}
				c.settlePushes(cmd.Context(), args[0])
				list, err := r.List(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				rows, err := c.releaseRows(args[0], list)
				if err != nil {
					return err
				}
				return c.result(rows, releaseTable(rows))
			})
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// releaseRow is a release and whether its slug can be found.
type releaseRow struct {
	release.Release
	// SlugMissing says that the slug's file is gone, by a prune or by hand, and there is no store.
	SlugMissing bool `json:"slug_missing,omitempty"`
}

// releaseRows looks for the slugs of an app's releases, without asking a store.
func (c *cli) releaseRows(app string, list []release.Release) ([]releaseRow, error) {
	home, err := c.openHome()
	if err != nil {
		return nil, err
	}
	state, err := home.App(app)
	if err != nil {
		return nil, err
	}
	rows := make([]releaseRow, 0, len(list))
	for _, r := range list {
		stored := !artifact.IsFileURL(r.Slug.URL) || c.storeURL() != ""
		rows = append(rows, releaseRow{r, !stored && !artifact.IsHere(r.Slug, state)})
	}
	return rows, nil
}

func releaseTable(list []releaseRow) string {
	t := newTable("RELEASE", "STATUS", "CREATED", "SLUG", "DESCRIPTION")
	for _, r := range list {
		slug := r.Slug.Digest.Short()
		if r.SlugMissing {
			slug += " (missing)"
		}
		t.row(fmt.Sprintf("v%d", r.Version), r.Status, r.CreatedAt.Format(time.RFC3339), slug, r.Description)
	}
	return t.String()
}

func (c *cli) rollbackCommand() *cobra.Command {
	var config releaseConfig
	cmd := &cobra.Command{
		Use:   "rollback APP [vN]",
		Short: "Make an earlier release's slug and config vars current again, as a new release",
		Example: `  slugc rollback blog        to the release before the current one
  slugc rollback blog v3`,
		Args: usageArgs(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			version := 0
			if len(args) == 2 {
				n, err := strconv.Atoi(strings.TrimPrefix(args[1], "v"))
				if err != nil || n < 1 {
					return fault.UsageError("usage/version",
						fmt.Errorf("reading the release %q: not a release such as v3", args[1]),
						fmt.Sprintf("`slugc releases %s` lists the releases", args[0]))
				}
				version = n
			}
			o, err := config.options(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			engine, err := c.engine()
			if err != nil {
				return err
			}
			return c.withReleases(func(r *release.Releases) error {
				made, err := c.rollback(cmd.Context(), c.deployer(engine, r), args[0], version, o)
				if err != nil {
					return err
				}
				return c.result(made, fmt.Sprintf("%s v%d", args[0], made.Version))
			})
		},
	}
	config.flags(cmd)
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) scaleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "scale APP TYPE=N…",
		Short:   "Set how many of each process type run",
		Example: `  slugc scale blog web=2 worker=1`,
		Args:    usageArgs(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withReleases(func(r *release.Releases) error {
				changes, err := release.ParseScale(args[1:]...)
				if err != nil {
					return err
				}
				formation, err := r.Scale(cmd.Context(), args[0], changes...)
				if err != nil {
					return err
				}
				return c.result(formation, formationLine(formation))
			})
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func formationLine(f release.Formation) string {
	var parts []string
	for _, t := range slices.Sorted(maps.Keys(f)) {
		parts = append(parts, fmt.Sprintf("%s=%d", t, f[t]))
	}
	return strings.Join(parts, " ")
}

// process is one line of `slugc ps`.
type process struct {
	Type     string `json:"type"`
	Quantity int    `json:"quantity"`
	Command  string `json:"command"`
}

func (c *cli) psCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ps APP",
		Short: "Show the current release's process types and how many of each should run",
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.readReleases(func(r *release.Releases) error {
				c.settlePushes(cmd.Context(), args[0])
				current, err := r.Current(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				formation, err := r.Formation(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				var list []process
				t := newTable("TYPE", "QUANTITY", fmt.Sprintf("COMMAND (v%d)", current.Version))
				for _, p := range current.ProcessTypes {
					list = append(list, process{p.Type, formation[p.Type], p.Command})
					t.row(p.Type, formation[p.Type], p.Command)
				}
				return c.result(list, t.String())
			})
		},
	}
	c.jsonFlag(cmd)
	return cmd
}
