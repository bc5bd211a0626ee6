package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/release"
	"slugc/detect/lazyregexp"
)

// openEnvFile opens a file of variables. It waits for nobody: a pipe that slugc was started with may
// hold them too, such as a shell's <(command), and nothing else that is not a regular file.
func openEnvFile(file string) (*os.File, error) {
	if clean := filepath.Clean(file); clean == "/dev/stdin" || filepath.Dir(clean) == "/dev/fd" {
		return os.Open(file)
	}
	return disk.OpenRegular(file)
}

// readEnv merges the variables of a file (flag --FLAG-file) and of the values of --FLAG, which win.
func (c *cli) readEnv(flag, file string, flags []string) (map[string]string, error) {
	env, err := readEnvFile("--"+flag+"-file ", file)
	if err == nil {
		err = c.addEnv(env, flag, flags)
	}
	if err != nil {
		return nil, err
	}
	return env, nil
}

// readEnvFile reads the variables of a file, none if it is "". flag stands before its name in an error.
func readEnvFile(flag, file string) (map[string]string, error) {
	env := map[string]string{}
	if file == "" {
		return env, nil
	}
	f, err := openEnvFile(file)
	if err != nil {
		return nil, fault.UsageError("usage/env-file",
			fmt.Errorf("reading %s%q: %w", flag, file, errors.Unwrap(err)), "name a file that exists and can be read")
	}
	defer f.Close()
	list, err := launch.ParseEnv(f)
	if err != nil {
		return nil, fault.UsageError("usage/env-file", fmt.Errorf("reading %s%q: %w", flag, file, err),
			"write one NAME=value a line, and a value of several lines between quotes")
	}
	for _, kv := range list {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	return env, nil
}

// addEnv adds the values of --FLAG to env. A name alone is a variable of the environment.
func (c *cli) addEnv(env map[string]string, flag string, flags []string) error {
	for _, kv := range flags {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			v, ok = c.env.vars[k]
		}
		hint := fmt.Sprintf("write --%s NAME=value", flag)
		if !envName.MatchString(k) {
			return fault.UsageError("usage/env",
				fmt.Errorf("reading --%s: a variable can't be called %s", flag, release.ShowVar(k)), hint)
		}
		if !ok {
			return fault.UsageError("usage/env",
				fmt.Errorf("reading --%s %q: there is no value, and no such variable in the environment", flag, k),
				hint)
		}
		env[k] = v
	}
	return nil
}

var envName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)
