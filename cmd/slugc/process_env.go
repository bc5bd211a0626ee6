package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slugc/compiler/fault"
	"slugc/detect/lazyregexp"
)

// processFlags are the flags that make a process's environment, of run, start and export.
type processFlags struct {
	env     []string
	envFile string
	port    int
}

const defaultPort = 5000

// flags adds the flags. local reports whether .env of the working directory is read.
func (f *processFlags) flags(flags *pflag.FlagSet, port, local string) {
	flags.IntVarP(&f.port, "port", "p", defaultPort,
		port+" (default: PORT of -e, of --env-file, of the environment, 5000)")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "config var `K=V` (or K, from the environment)")
	flags.StringVar(&f.envFile, "env-file", "", "read config vars from this file"+local)
}

// localEnv is the file that run and start read from the working directory, as foreman does.
const localEnv = ".env"

// config returns the config vars of -e and --env-file. If dir is not "" and --env-file is not given, it reads
// dir's .env, if it has one.
func (f *processFlags) config(c *cli, cmd *cobra.Command, dir string) (p processConfig, err error) {
	file, flag := f.envFile, "--env-file "
	local := dir != "" && !cmd.Flags().Changed("env-file")
	if local {
		file, flag = filepath.Join(dir, localEnv), ""
		if info, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
			file, local = "", false
		}
	}
	if p.given, err = readEnvFile(flag, file); err != nil {
		return p, err
	}
	if local {
		p.local, p.given = p.given, map[string]string{}
		c.ui.Detail(fmt.Sprintf("Using the config vars of %s (%d); --env-file '' leaves them out", file, len(p.local)))
	}
	if err := c.addEnv(p.given, "env", f.env); err != nil {
		return p, err
	}
	for _, name := range []string{"HOME", "PWD", "DYNO", "PS"} {
		if p.has(name) {
			c.ui.Warn(fmt.Sprintf("The config var %s has no effect: every process gets its own.", name))
		}
	}
	return p, nil
}

var decimal = lazyregexp.New(`^[0-9]{1,9}$`)

// portOf returns -p, else PORT of the config vars, else $PORT, as foreman does, and whether one of them is
// set; otherwise it is 5000. What a flag or file names must be a port. The environment may be about something
// else, so what is no port there is ignored, with a warning.
func (f *processFlags) portOf(c *cli, cmd *cobra.Command, config processConfig) (port int, named bool, err error) {
	if cmd.Flags().Changed("port") {
		if f.port < 0 || f.port > 65535 {
			return 0, false, portError("--port", strconv.Itoa(f.port))
		}
		return f.port, true, nil
	}
	if v := config.get("PORT"); v != "" {
		if port := parsePort(v); port > 0 {
			return port, true, nil
		}
		return 0, false, portError("the config var PORT", v)
	}
	if v := c.env.vars["PORT"]; v != "" {
		if port := parsePort(v); port > 0 {
			return port, true, nil
		}
		c.ui.Warn(fmt.Sprintf("PORT of the environment is ignored: %.20q is not a port.", v))
	}
	return defaultPort, false, nil
}

// parsePort returns the port in v, 0 if there is none.
func parsePort(v string) int {
	port := 0
	if decimal.MatchString(v) {
		port, _ = strconv.Atoi(v)
	}
	if port > 65535 {
		return 0
	}
	return port
}

func portError(from, value string) error {
	return fault.UsageError("usage/port", fmt.Errorf("reading %s: %.20q is not a port", from, value),
		"use a number from 1 to 65535")
}
