package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"slugc/buildpacks/command"
	"slugc/compiler/fault"
	"slugc/compiler/release"
	"slugc/detect/lazyregexp"
)

// readConfigVars reads the config vars of a file and of arguments, which win. The value of a name alone is read from
// stdin. No error has an argument's text in it: it may be a secret that was meant to be a value.
func (c *cli) readConfigVars(cmd *cobra.Command, file string, args []string) (release.Config, error) {
	source := file
	if file == "-" {
		source = "/dev/stdin"
	}
	vars, err := readEnvFile("--from-file ", source)
	if err != nil {
		return nil, err
	}
	for name := range vars {
		if why := release.OwnVar(name); why != "" {
			c.ui.Warn(fmt.Sprintf("%s of %s is left out: %s.", name, file, why))
			delete(vars, name)
		}
	}
	alone := ""
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			if alone != "" || file == "-" {
				return nil, configUsage(errors.New("stdin has one value, and more are wanted of it"))
			}
			alone = name
		}
		vars[name] = value
	}
	if len(args) == 0 && !cmd.Flags().Changed("from-file") {
		return nil, configUsage(errors.New("no config var is named"))
	}
	if err := (release.ConfigChange{Set: vars}).Check(); err != nil || alone == "" {
		return vars, err
	}
	if isTerminal(os.Stdin) {
		c.ui.Step(fmt.Sprintf("Reading the value of %s; end it with ^D", alone))
	}
	value, err := io.ReadAll(io.LimitReader(os.Stdin, release.MaxConfig+3))
	if err != nil {
		return nil, fmt.Errorf("reading the value of %s: %w", alone, err)
	}
	// What wrote the value has ended its last line; that is not part of it.
	vars[alone] = strings.TrimSuffix(strings.TrimSuffix(string(value), "\n"), "\r")
	return vars, nil
}

func configUsage(err error) error {
	return fault.UsageError("usage/config", fmt.Errorf("reading the config vars: %w", err),
		"write NAME=VALUE, one NAME whose value is on stdin, or --from-file FILE")
}

// processConfig holds the config vars of run, start and export, by where they come from.
type processConfig struct {
	local map[string]string // of .env
	given map[string]string // of -e and --env-file
}

// get returns a variable that is not the app's own.
func (p processConfig) get(name string) string {
	if v, set := p.given[name]; set {
		return v
	}
	return p.local[name]
}

func (p processConfig) has(name string) bool {
	_, given := p.given[name]
	_, local := p.local[name]
	return given || local
}

// environ returns the variables of an app's processes: what they learn of the release; before that .env, then the
// app's own, then what is given with flags.
func (c *cli) environ(p processConfig, s *appSlug) []string {
	env, hidden := s.env, release.Config{}
	for name, value := range p.local {
		own, set := s.config[name]
		if _, given := p.given[name]; set && own != value && !given {
			hidden[name] = value
		}
	}
	if len(hidden) > 0 {
		c.ui.Detail(fmt.Sprintf("of these, %s keeps its own: %s", s.app, hidden))
	}
	for _, vars := range []map[string]string{p.local, s.config, p.given} {
		env = append(env, command.Environ(vars)...)
	}
	return env
}

// addConfigVars adds those of an app's own config vars that a build of it gets to env, whose variables win. "*" names
// all of them.
func (c *cli) addConfigVars(ctx context.Context, app string, names []string, env map[string]string) error {
	if len(names) == 0 {
		return nil
	}
	return c.withReleases(func(r *release.Releases) error {
		vars, err := r.Config(ctx, app)
		if err != nil {
			return err
		}
		if slices.Contains(names, "*") {
			names = vars.Names()
		}
		for _, name := range names {
			value, set := vars[name]
			if !set {
				return release.ConfigUnset(app, name)
			}
			if _, given := env[name]; !given {
				env[name] = value
			}
		}
		return nil
	})
}

// plainValue is a value that needs no quotes in a file of variables.
var plainValue = lazyregexp.New(`^[A-Za-z0-9_./:@%+,-]+$`)

// envFile writes config vars as [launch.ParseEnv] reads them, and a shell too if it does not interpolate.
func envFile(vars release.Config) string {
	var b strings.Builder
	for _, name := range vars.Names() {
		value := vars[name]
		switch {
		case plainValue.MatchString(value):
		case !strings.ContainsAny(value, "'\n\r"):
			value = "'" + value + "'"
		default:
			value = `"` + quoted.Replace(value) + `"`
		}
		fmt.Fprintf(&b, "%s=%s\n", name, value)
	}
	return b.String()
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`)
