package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slugc/compiler"
	"slugc/compiler/fault"
	"slugc/compiler/report"
	"slugc/compiler/sandbox"
	"slugc/compiler/source"
	"slugc/detect/descriptor"
	"slugc/detect/lazyregexp"
)

// The limits of a build. Heroku's slug compiler had 15 minutes and 300 MB; a Clojure app on a small
// machine needs more.
const (
	defaultLimit = "1GiB"
	deadline     = 25 * time.Minute
	idle         = 10 * time.Minute
	logLimit     = 4 << 20
)

type buildFlags struct {
	app, ref, subdir, output, message, procfile, limit, envFile string
	env, configVars, allowSubmodules                            []string
	fresh, noRegister, includeIgnored                           bool
	config                                                      releaseConfig
	timeout, idle                                               time.Duration
	resources                                                   resourceFlags
	buildpacks                                                  buildpackFlags
}

func (c *cli) buildCommand() *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build [DIR | -]",
		Short: "Build an app's slug and register it as a release",
		Long: `Build stages the source, detects its language, runs the buildpacks in a sandbox, packs the slug and
registers it as the app's next release. It prints the slug's path on stdout, everything else on
stderr.`,
		Example: `  slugc build .                             the app in this directory
  slugc build --ref v1.2 --app blog         a tag of this git repository
  slugc build --subdir apps/api .           one app of a monorepo
  git archive HEAD | slugc build - --app blog
  slugc build . --json --output blog.tgz --no-register`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, err := c.engine()
			if err != nil {
				return err
			}
			req, err := c.buildRequest(cmd.Context(), f, args)
			if err != nil {
				return err
			}
			result, err := engine.Compile(cmd.Context(), req)
			if result == nil {
				return err
			}
			c.summary(result)
			if err != nil && c.asJSON {
				return err // stdout carries one document: the error, which names the slug
			}
			if printed := c.result(result, result.Slug.Path); printed != nil {
				return printed
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.app, "app", "", "the app's name (default: the directory's)")
	flags.StringVar(&f.ref, "ref", "", "build this git revision instead of the working directory")
	flags.StringArrayVar(&f.allowSubmodules, "allow-submodules", nil,
		"with --ref, fetch submodules whose URL is `PATTERN`: exact, or with a * at the end")
	f.sourceFlags(flags)
	flags.StringVarP(&f.output, "output", "o", "", "write the slug to this file")
	flags.StringVarP(&f.message, "message", "m", "", "the release's description")
	flags.StringVar(&f.procfile, "procfile", "strict", "strict, or lenient: a bad Procfile line is only a warning")
	flags.StringVar(&f.limit, "size-limit", defaultLimit, "largest slug allowed")
	f.environmentFlags(flags)
	flags.BoolVar(&f.fresh, "fresh", false, "build from scratch: ignore everything cached for this app")
	f.config.flags(cmd)
	flags.BoolVar(&f.noRegister, "no-register", false, "do not register a release")
	flags.DurationVar(&f.timeout, "timeout", deadline, "how long a buildpack may run, and reading the source")
	flags.DurationVar(&f.idle, "idle-timeout", idle, "how long a buildpack may run without output")
	f.buildpacks.flags(flags)
	f.resources.flags(flags)
	c.networkFlag(flags)
	c.jsonFlag(cmd)
	return cmd
}

// sourceFlags adds the flags for the part of the source that counts.
func (f *buildFlags) sourceFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.subdir, "subdir", "", "the app's directory inside the source")
	flags.BoolVar(&f.includeIgnored, "include-ignored", false,
		"of a directory in a git work tree, take what git ignores too")
}

// environmentFlags adds the flags for the build configuration.
func (f *buildFlags) environmentFlags(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&f.env, "env", "e", nil,
		"build configuration `K=V` (or K, from the environment); never in the slug")
	flags.StringVar(&f.envFile, "env-file", "", "read build configuration from this file")
	configVarFlag(flags, &f.configVars)
}

// configVarFlag adds the flag for the app's own config vars that builds get too.
func configVarFlag(flags *pflag.FlagSet, names *[]string) {
	flags.StringArrayVar(names, "config-var", nil,
		"config var `NAME` of the app that the build gets too, as build configuration; * is all of them")
}

func (c *cli) buildRequest(ctx context.Context, f buildFlags, args []string) (compiler.Request, error) {
	req := compiler.Request{
		Fresh:    f.fresh,
		Lenient:  f.procfile == "lenient",
		Register: !f.noRegister,
		Message:  f.message,
	}
	if f.procfile != "strict" && f.procfile != "lenient" {
		return req, fault.UsageError("usage/flag",
			fmt.Errorf("reading --procfile: %q is neither strict nor lenient", f.procfile),
			"write --procfile strict or --procfile lenient")
	}
	var err error
	limits := sandbox.Limits{Deadline: f.timeout, Idle: f.idle, Log: logLimit}
	if req.Limits, err = c.resources(limits, f.resources); err != nil {
		return req, err
	}
	if req.Network, err = c.networkMode(); err != nil {
		return req, err
	}
	if req.Limit, err = parseSize(f.limit); err != nil {
		return req, err
	}
	if f.output != "" {
		if req.Output, err = filepath.Abs(f.output); err != nil {
			return req, fmt.Errorf("finding %q: %w", f.output, err)
		}
	}
	if req.Source, err = c.sourceSpec(f, args); err != nil {
		return req, err
	}
	req.App = f.app
	if req.App == "" {
		req.App = appName(req.Source)
	}
	if err := checkApp(req.App); err != nil {
		return req, err
	}
	more, err := c.readEnv("env", f.envFile, f.env)
	if err == nil {
		err = c.addConfigVars(ctx, req.App, f.configVars, more)
	}
	if err != nil {
		return req, err
	}
	req.Env = c.buildEnv(more)
	if err = f.buildpacks.apply(&req, req.Env); err == nil && req.Register {
		req.Deploy, err = f.config.options(ctx, c, req.App)
	}
	return req, err
}

func (c *cli) sourceSpec(f buildFlags, args []string) (source.Spec, error) {
	spec := source.Spec{
		Kind:       source.Dir,
		Ref:        f.ref,
		Subdir:     f.subdir,
		Submodules: source.Submodules{Allow: f.allowSubmodules},

		IncludeIgnored: f.includeIgnored,
	}
	if len(f.allowSubmodules) > 0 && f.ref == "" {
		return spec, fault.UsageError("usage/flag",
			fmt.Errorf("reading --allow-submodules: submodules are fetched for a git revision only"),
			"name one with --ref, such as --ref HEAD")
	}
	for _, pattern := range f.allowSubmodules {
		if err := source.CheckPattern(pattern); err != nil {
			return spec, err
		}
	}
	dir := "."
	if len(args) > 0 {
		dir = args[0]
	}
	if dir == "-" {
		if f.ref != "" {
			return spec, fault.UsageError("usage/flag",
				fmt.Errorf("reading --ref: a tarball on stdin has no revisions"),
				"leave --ref out, or name a git repository")
		}
		if f.app == "" {
			return spec, fault.UsageError("usage/app", fmt.Errorf("naming the app: a tarball on stdin has no name"),
				"use --app NAME")
		}
		spec.Kind, spec.Reader = source.Tarball, os.Stdin
		return spec, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return spec, fmt.Errorf("finding %q: %w", dir, err)
	}
	spec.Dir = abs
	spec.Env = c.fetchEnv(append([]string{"PATH", "HOME", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK"}, passed...)...)
	if f.ref != "" {
		spec.Kind = source.Git
	}
	return spec, nil
}

// fetchEnv returns the part of the environment that reading a source may need.
func (c *cli) fetchEnv(names ...string) (env []string) {
	for _, name := range names {
		if v, ok := c.env.vars[name]; ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

var notInName = lazyregexp.New(`[^a-z0-9._-]+`)

// appName turns the directory's name into an app's: lower case, with a dash for every other character.
func appName(s source.Spec) string {
	dir := strings.TrimSuffix(filepath.Base(s.Dir), ".git")
	if s.Subdir != "" {
		dir = filepath.Base(filepath.FromSlash(s.Subdir))
	}
	return strings.Trim(notInName.ReplaceAllString(strings.ToLower(dir), "-"), "-._")
}

// parseSize reads "500MB", "1GiB", "0" (no limit).
func parseSize(s string) (int64, error) {
	n, err := descriptor.ParseSize(s)
	if err != nil {
		return 0, fault.UsageError("usage/flag", fmt.Errorf("reading the size %q: %w", s, err),
			"write 500MB or 1GiB; 0 is no limit")
	}
	return n, nil
}

// summary prints the end of a build: size, place, digest, release.
func (c *cli) summary(r *compiler.Result) {
	c.ui.Step("Done: " + report.Bytes(r.Slug.Size))
	c.ui.Detail(r.Slug.Path)
	c.ui.Detail(r.Slug.Digest.String())
	switch {
	case r.Release == nil:
	case r.Release.New:
		c.ui.Step(fmt.Sprintf("Released %s v%d", r.App, r.Release.Version))
	default:
		c.ui.Step(fmt.Sprintf("%s v%d already is this slug", r.App, r.Release.Version))
	}
}
