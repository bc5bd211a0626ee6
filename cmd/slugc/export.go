package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slugc/buildpacks/shell"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/launch/export"
	"slugc/compiler/release"
)

// exportFlags are the flags of export.
type exportFlags struct {
	export.Options
	processFlags
	at, formation string
	unpack, force bool
}

func (c *cli) exportCommand() *cobra.Command {
	var x exportFlags
	cmd := &cobra.Command{
		Use:   "export " + strings.Join(export.Formats(), "|") + " SLUG|APP [DIR]",
		Short: "Write a formation as files for an init system, foreman-style",
		Long: `Export writes files into DIR (default: the current directory) that let systemd, upstart, supervisord,
runit or launchd run a formation: an app's own, all=1 for a slug file, or the one that -m names. The
processes run as in slugc run; slugc itself is not needed on that machine. The slug must lie unpacked
in --root: --unpack puts it there. PORT is the base port plus 100 for each process type and 1 for
each instance.

Files of an earlier export are replaced, or removed if they are no longer needed. Other files are not
touched. Config vars may be secrets, so they are in files that only their owner can read. systemd's
units name the directory they are exported into: use --at if you will move them.`,
		Example: `  slugc export systemd blog /etc/systemd/system --unpack
  slugc export supervisord blog /etc/supervisor/conf.d -m web=2,worker=1 -u www-data
  slugc export runit ./blog.tgz /etc/sv -a blog --env-file production.env -p 6000
  slugc export systemd blog ./units --at /etc/systemd/system`,
		Args: usageArgs(cobra.RangeArgs(2, 3)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.export(cmd, args, x)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&x.App, "app-name", "a", "",
		"name of the units (default: the app's, or the slug file's without .tgz)")
	flags.StringVar(&x.Root, "root", "", "where the slug lies unpacked (default: /srv/NAME)")
	flags.BoolVar(&x.unpack, "unpack", false, "unpack the slug into --root, which must be missing or empty")
	flags.StringVarP(&x.User, "user", "u", "",
		"user that the processes run as (default: NAME; -u '' leaves it to the init system)")
	flags.StringVarP(&x.Log, "log", "l", "", "where logs go in the formats that say so (default: /var/log/NAME)")
	flags.StringVarP(&x.formation, "formation", "m", "", "how many of each type: web=2,worker=1 or all=1")
	x.processFlags.flags(flags, "base port", "")
	flags.DurationVarP(&x.Timeout, "timeout", "t", 30*time.Second,
		"how long processes may take to end before they are killed")
	flags.StringVar(&x.at, "at", "", "the directory that the files will be moved to (default: DIR)")
	flags.BoolVar(&x.force, "force", false, "replace files of the same names that are not from an export of this app")
	c.jsonFlag(cmd)
	return cmd
}

// exportResult is the result of export.
type exportResult struct {
	Format  string   `json:"format"`
	App     string   `json:"app"`
	Dir     string   `json:"dir"`
	Root    string   `json:"root"`
	Files   []string `json:"files"`
	Removed []string `json:"removed"`
}

func (c *cli) export(cmd *cobra.Command, args []string, x exportFlags) error {
	format, target := args[0], "."
	if len(args) == 3 {
		target = args[2]
	}
	if err := export.CheckFormat(format); err != nil {
		return err
	}
	config, err := x.config(c, cmd, "")
	if err != nil {
		return err
	}
	if x.BasePort, _, err = x.portOf(c, cmd, config); err != nil {
		return err
	}
	found, err := c.find(cmd.Context(), args[1])
	if err != nil {
		return err
	}
	if err := x.complete(cmd, found, target); err != nil {
		return err
	}
	x.Processes, x.Directory, x.Mounts = found.types, found.manifest.Directory, found.manifest.Mounts
	x.Env = c.environ(config, found)
	if x.Formation, err = found.counts(x.formation); err != nil {
		return err
	}
	if x.Self, err = selfPath(); err != nil {
		return err
	}
	if err := c.checkSlug(found, x.Formation, x.Env); err != nil {
		return err
	}
	files, err := export.Export(format, x.Options)
	if err != nil {
		return err
	}
	done, err := export.Write(target, format, x.App, files, x.force)
	if err != nil {
		return err
	}
	if x.unpack {
		if err := c.unpack(cmd.Context(), found.file, x.Root); err != nil {
			return err
		}
	}
	c.reportExport(format, found, x, done)
	abs, err := filepath.Abs(target)
	if err != nil {
		return fmt.Errorf("naming the directory: %w", err)
	}
	return c.result(exportResult{format, x.App, abs, x.Root, done.Written, append([]string{}, done.Removed...)}, abs)
}

// complete fills in what the flags leave out.
func (x *exportFlags) complete(cmd *cobra.Command, found *appSlug, target string) error {
	x.App = cmp.Or(x.App, found.app, found.dirName)
	if x.App == "" {
		base := filepath.Base(found.file)
		x.App = strings.TrimSuffix(strings.TrimSuffix(base, ".tgz"), ".tar.gz")
		if release.CheckApp(x.App) != nil {
			return fault.UsageError("export/app-name",
				fmt.Errorf("exporting %q: the units can't be named after the file", base), "name them with -a NAME")
		}
	}
	if !cmd.Flags().Changed("user") {
		x.User = x.App
	}
	x.Root, x.Log, x.Dir = cmp.Or(x.Root, "/srv/"+x.App), cmp.Or(x.Log, "/var/log/"+x.App), cmp.Or(x.at, target)
	for _, dir := range []*string{&x.Root, &x.Log, &x.Dir} {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return fmt.Errorf("naming %q: %w", *dir, err)
		}
		*dir = abs
	}
	return nil
}

// nextSteps are the commands that start an exported app, by format; %s is the app's name.
var nextSteps = map[string]string{
	"systemd":     "systemctl daemon-reload && systemctl enable --now %s.target",
	"upstart":     "initctl reload-configuration && start %s",
	"supervisord": "supervisorctl update %s",
}

func (c *cli) reportExport(format string, found *appSlug, x exportFlags, done export.Changes) {
	c.ui.Step(fmt.Sprintf("Exported %s for %s: %d files", x.App, format, len(done.Written)))
	for _, name := range done.Removed {
		c.ui.Detail("removed " + name + ", which is no longer needed")
	}
	for _, name := range done.Left {
		c.ui.Warn(
			fmt.Sprintf("%s is no longer needed, but holds files that are not from an export; remove it yourself.",
				name),
		)
	}
	if _, err := os.Stat(filepath.Join(x.Root, ".slugc", "slug.json")); err != nil {
		c.ui.Detail("next, unpack the slug: " + shell.Command("slugc", "unpack", found.file, x.Root))
	}
	for _, place := range launch.Places(x.Root, x.Mounts) {
		if x.Root == x.Mounts[0] && place.At != x.Root && format != "systemd" {
			c.ui.Detail("the slug may need this link: " + shell.Command("ln", "-s", place.From, place.At))
		}
	}
	if next := nextSteps[format]; next != "" {
		c.ui.Detail(fmt.Sprintf("to start it: "+next, x.App))
	}
}
