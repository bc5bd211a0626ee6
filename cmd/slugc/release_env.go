package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"slugc/compiler/deploy"
	"slugc/compiler/sandbox"
)

// releaseConfig holds the config vars and the limit of the release process, which runs once before a
// release becomes current.
type releaseConfig struct {
	env   []string
	file  string
	limit time.Duration
}

func (f *releaseConfig) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.env, "release-env", nil,
		"config var `K=V` (or K, from the environment) of the process type release")
	cmd.Flags().StringVar(&f.file, "release-env-file", "",
		"read config vars of the process type release from this file")
	cmd.Flags().DurationVar(&f.limit, "release-timeout", time.Hour, "how long the process type release may run")
}

// options returns how the app's release becomes current. Where the flags name no config vars, they are those of
// the pushes that release the app on this machine.
func (f *releaseConfig) options(ctx context.Context, c *cli, app string) (deploy.Options, error) {
	file := f.file
	if file == "" && len(f.env) == 0 {
		file = c.pushedConfig(ctx, app)
	}
	env, err := c.readEnv("release-env", file, f.env)
	if err != nil {
		return deploy.Options{}, err
	}
	limits, err := c.resources(sandbox.Limits{Deadline: f.limit}, resourceFlags{})
	return deploy.Options{
		Env:    env,
		Limits: limits,
		Actor:  c.env.first("SLUGC_ACTOR", "REMOTE_USER", "LOGNAME", "USER"),
	}, err
}
