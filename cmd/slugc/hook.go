package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"slugc/buildpacks/shell"
	"slugc/compiler/fault"
	"slugc/compiler/push"
	"slugc/compiler/release"
	"slugc/compiler/sandbox"
)

func (c *cli) hookCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hook",
		Short: "Make `git push` to a bare repository a release",
		Long: `Hook sets up the hooks of a bare git repository. A push to a deploy branch then builds the pushed
commit while the pusher watches, and releases it exactly when git moves the branch. A push whose
build fails is rejected.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		c.hookInstallCommand(),
		c.hookUninstallCommand(),
		c.hookStatusCommand(),
		c.hookSettleCommand(),
		c.hookRunCommand(),
	)
	return cmd
}

func (c *cli) hookInstallCommand() *cobra.Command {
	var s push.Settings
	resources, chosen := resourceFlags{}, buildpackFlags{}
	cmd := &cobra.Command{
		Use:   "install REPO --app NAME",
		Short: "Set the hooks up, or change their settings",
		Long: `Install writes the hooks pre-receive, reference-transaction and post-receive. Existing hooks are kept
and run first. The settings are in the repository's own git configuration, under slugc.*; a second
install replaces them.`,
		Example: `  slugc hook install /srv/git/blog.git --app blog
  slugc hook install shop.git --app shop --branch release --env-file /etc/slugc/shop.env
  slugc hook install mono.git --app api --subdir apps/api`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			repo, err := c.repository(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			s.Memory, s.Pids, s.Disk = resources.memory, resources.pids, resources.disk
			s.Sandbox, s.Network, s.Stack = c.sandbox, c.network, chosen.stack
			if _, err := c.resources(sandbox.Limits{}, resources); err != nil {
				return err
			}
			if s.Buildpacks, err = chosen.absolute(); err != nil {
				return err
			}
			if err := c.completeSettings(&s, repo); err != nil {
				return err
			}
			self, err := selfPath()
			if err != nil {
				return err
			}
			kept, err := repo.Install(cmd.Context(), &s, self)
			if err != nil {
				return err
			}
			for _, hook := range kept {
				c.ui.Detail("the " + hook + " hook that was there is kept, and runs first")
			}
			c.reportInstall(repo, s)
			return c.result(s, repo.Dir)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&s.App, "app", "", "the app's name")
	flags.StringVar(&s.Subdir, "subdir", "", "the app's directory in the repository")
	flags.StringArrayVar(&s.Branches, "branch", nil, "deploy branch (default main, master and the one that HEAD names)")
	flags.StringVar(&s.EnvFile, "env-file", "", "build configuration of every push")
	configVarFlag(flags, &s.ConfigVars)
	flags.StringVar(&s.ReleaseEnvFile, "release-env-file", "", "config vars of the process type release")
	flags.StringVar(&s.SlugcEnvFile, "slugc-env-file", "", "variables of slugc itself, such as passwords of a store")
	chosen.chooseFlags(flags)
	flags.StringArrayVar(&s.Submodules, "allow-submodules", nil, "pattern of URLs that submodules are fetched from")
	resources.flags(flags)
	c.networkFlag(flags)
	_ = cmd.MarkFlagRequired("app")
	c.jsonFlag(cmd)
	return cmd
}

// reportInstall says which branches are deployed, and what to do next.
func (c *cli) reportInstall(repo *push.Repository, s push.Settings) {
	branches := s.DeployBranches()
	c.ui.Step(fmt.Sprintf("A push to %s releases %s", strings.Join(branches, ", "), s.App))
	c.ui.Detail("next, in a clone of the app:")
	c.ui.Detail("  " + shell.Command("git", "remote", "add", "slugc", repo.Dir))
	if host, err := os.Hostname(); err == nil {
		owner := "USER"
		if uid, err := repo.Owner(); err == nil {
			if account, err := user.LookupId(strconv.Itoa(uid)); err == nil {
				owner = account.Username
			}
		}
		remote := url.URL{Scheme: "ssh", User: url.User(owner), Host: host, Path: repo.Dir}
		c.ui.Detail("    on another machine its URL is such as " + remote.String())
	}
	c.ui.Detail("  git push slugc " + branches[0])
}

// completeSettings checks the flags and fills in what a hook, in another environment, could not know.
func (c *cli) completeSettings(s *push.Settings, repo *push.Repository) (err error) {
	s.Store, s.Coordinator = c.storeURL(), c.coordinator
	if s.Coordinator == "" {
		s.Coordinator = c.env.vars["SLUGC_COORDINATOR"]
	}
	files := map[string]*string{"env": &s.EnvFile, "release-env": &s.ReleaseEnvFile, "slugc-env": &s.SlugcEnvFile}
	for flag, file := range files {
		if *file == "" {
			continue
		}
		if *file, err = filepath.Abs(*file); err != nil {
			return fmt.Errorf("finding %q: %w", *file, err)
		}
		if _, err := c.readEnv(flag, *file, nil); err != nil {
			return err
		}
	}
	s.Home, err = c.hookHome(repo)
	return err
}

// hookHome returns the state directory for the hooks, which run as the repository's owner: the one
// that was named, else that owner's default.
func (c *cli) hookHome(repo *push.Repository) (string, error) {
	uid, err := repo.Owner()
	if err != nil {
		return "", err
	}
	if c.home == "" && c.env.vars["SLUGC_HOME"] == "" && uid != os.Getuid() {
		owner, err := user.LookupId(strconv.Itoa(uid))
		if err != nil || !filepath.IsAbs(owner.HomeDir) {
			return "", fault.UsageError("push/no-home",
				fmt.Errorf("finding the state directory: the repository's owner (uid %d) has no home directory", uid),
				"use --home DIR")
		}
		return filepath.Join(owner.HomeDir, ".local", "state", "slugc"), nil
	}
	return c.stateDir()
}

func (c *cli) hookUninstallCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "uninstall REPO",
		Short: "Remove the hooks and restore the earlier ones",
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			hook, err := c.hook(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if hook.Settings.App != "" {
				if _, err := hook.Settle(cmd.Context()); err != nil {
					return err
				}
			}
			back, err := hook.Repo.Uninstall(cmd.Context())
			for _, name := range back {
				c.ui.Detail("the " + name + " hook that was there before is back")
			}
			if err != nil {
				return err
			}
			return c.result(map[string]any{"repository": hook.Repo.Dir, "restored": back}, hook.Repo.Dir)
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) hookSettleCommand() *cobra.Command {
	var await string
	cmd := &cobra.Command{
		Use:   "settle REPO",
		Short: "Finish pushes that were interrupted",
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			hook, err := c.hook(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if await != "" {
				return hook.SettleWhenOver(cmd.Context(), await)
			}
			settled, err := hook.Settle(cmd.Context())
			for _, s := range settled {
				hook.ReportOutcome(&s)
			}
			if err != nil {
				return err
			}
			return c.result(settled, "")
		},
	}
	cmd.Flags().StringVar(&await, "await", "", "wait until this push has ended, then settle it")
	_ = cmd.Flags().MarkHidden("await")
	c.jsonFlag(cmd)
	return cmd
}

// repository opens a bare repository with the machine's git.
func (c *cli) repository(ctx context.Context, dir string) (*push.Repository, error) {
	git, err := exec.LookPath("git")
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, fault.New(fault.Slugc, 0, "source/no-git",
			fmt.Errorf("opening the repository %q: there is no git in %q", dir, c.env.vars["PATH"]), "install git")
	}
	var env []string
	for _, name := range []string{"PATH", "HOME", "XDG_CONFIG_HOME"} {
		if v := c.env.vars[name]; v != "" {
			env = append(env, name+"="+v)
		}
	}
	return push.OpenRepository(ctx, dir, git, env)
}

// hook opens a repository and its settings, which from then on count like flags.
func (c *cli) hook(ctx context.Context, dir string) (*push.Hook, error) {
	repo, err := c.repository(ctx, dir)
	if err != nil {
		return nil, err
	}
	s, err := repo.Settings(ctx)
	if err != nil {
		return nil, err
	}
	for flag, setting := range map[*string]string{
		&c.home: s.Home, &c.coordinator: s.Coordinator, &c.store: s.Store, &c.sandbox: s.Sandbox,
		&c.network: s.Network,
	} {
		if *flag == "" {
			*flag = setting
		}
	}
	if s.SlugcEnvFile != "" {
		more, err := c.readEnv("slugc-env", s.SlugcEnvFile, nil)
		if err != nil {
			return nil, err
		}
		maps.Copy(c.env.vars, more)
	}
	if err := c.checkSettings(); err != nil {
		return nil, err
	}
	return &push.Hook{Repo: repo, Settings: s, Report: c.ui,
		Releases: func(context.Context) (*release.Releases, func(), error) {
			home, err := c.openHome()
			if err != nil {
				return nil, nil, err
			}
			return c.releases(home, release.Options{})
		}}, nil
}

func (c *cli) hookStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status REPO",
		Short: "Show the hooks, the pushes under way, and whether the branch and the current release agree",
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			hook, err := c.hook(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			status, err := hook.Status(cmd.Context())
			if err != nil {
				return err
			}
			for _, s := range status.Settled {
				hook.ReportOutcome(&s)
			}
			return c.result(status, statusText(status))
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// statusText formats the status for people.
func statusText(s *push.Status) string {
	if !s.Installed {
		return s.Repository + ": the hooks are not installed"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s releases %s\n", s.Repository, s.Settings.App)
	if s.Settings.Subdir != "" {
		fmt.Fprintf(&b, "  directory: %s\n", s.Settings.Subdir)
	}
	for _, name := range []string{"pre-receive", "reference-transaction", "post-receive"} {
		fmt.Fprintf(&b, "  hook %s: %s\n", name, s.Hooks[name])
	}
	for _, branch := range s.Branches {
		fmt.Fprintf(&b, "  branch %s: %s\n", branch.Name, short(branch.Commit))
	}
	switch {
	case s.Error != "":
		fmt.Fprintf(&b, "  current release: unknown: %s\n", s.Error)
	case s.Current == 0:
		b.WriteString("  current release: none\n")
	default:
		fmt.Fprintf(&b, "  current release: v%d (%s)\n", s.Current, short(s.Commit))
	}
	for _, p := range s.Pushes {
		fmt.Fprintf(&b, "  push of %s to %s: %s since %s (receive-pack %d)\n", short(p.Refs[0].New), p.Refs[0].Ref,
			p.State, p.Began.Format("15:04:05"), p.ReceivePack.PID)
	}
	return b.String()
}
