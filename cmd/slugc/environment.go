package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"slugc/buildpacks"
	"slugc/cache"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/detect"
)

// environment is the process's environment, read once.
type environment struct{ vars map[string]string }

func processEnvironment() environment {
	e := environment{vars: map[string]string{}}
	for _, kv := range os.Environ() {
		if k, v, ok := strings.Cut(kv, "="); ok {
			e.vars[k] = v
		}
	}
	return e
}

func (e environment) first(names ...string) string {
	for _, n := range names {
		if v := e.vars[n]; v != "" {
			return v
		}
	}
	return ""
}

// stateDir returns where slugc keeps its state: the flag, SLUGC_HOME, XDG_STATE_HOME/slugc, else
// ~/.local/state/slugc.
func (c *cli) stateDir() (string, error) {
	dir := c.home
	if dir == "" {
		dir = c.env.vars["SLUGC_HOME"]
	}
	if dir == "" {
		if base := c.env.vars["XDG_STATE_HOME"]; filepath.IsAbs(base) {
			dir = filepath.Join(base, "slugc")
		} else if home := c.env.vars["HOME"]; home != "" {
			dir = filepath.Join(home, ".local", "state", "slugc")
		}
	}
	if dir == "" {
		return "", fault.UsageError("usage/no-home",
			fmt.Errorf("finding the state directory: neither SLUGC_HOME nor HOME is set"),
			"set SLUGC_HOME or use --home DIR")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the state directory: %w", err)
	}
	return abs, nil
}

func (c *cli) openHome() (*cache.Home, error) {
	dir, err := c.stateDir()
	if err != nil {
		return nil, err
	}
	h, err := cache.Open(dir)
	if err != nil {
		return nil, fault.New(fault.Slugc, fault.ExitCache, "cache/state-directory", err,
			"use --home DIR to keep slugc's state elsewhere")
	}
	return h, nil
}

// passed are the variables that buildpack processes get unchanged: proxies and certificates, without
// which nothing can be fetched.
var passed = []string{
	"HTTP_PROXY",
	"HTTPS_PROXY",
	"NO_PROXY",
	"ALL_PROXY",
	"http_proxy",
	"https_proxy",
	"no_proxy",
	"all_proxy",
	"SSL_CERT_FILE",
	"SSL_CERT_DIR",
	"NODE_EXTRA_CA_CERTS",
	"CURL_CA_BUNDLE",
	"GIT_SSL_CAINFO",
	"npm_config_cafile",
}

// goVariables are the Go settings of the machine that decide where modules come from.
var goVariables = buildpacks.Settings([]detect.Result{{Language: detect.Go}})

// goSettings asks the machine's go command, so that `go env -w` counts. Without one, only the
// environment counts.
func (e environment) goSettings(ctx context.Context) map[string]string {
	settings := map[string]string{}
	if path, err := exec.LookPath("go"); err == nil {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		cmd := exec.CommandContext(
			ctx,
			path,
			append([]string{"env", "-json", "GOROOT", "GOVERSION"}, goVariables...)...)
		cmd.Dir = "/"
		if out, err := cmd.Output(); err == nil {
			_ = json.Unmarshal(out, &settings)
		}
	}
	for _, name := range goVariables {
		if v := e.vars[name]; v != "" {
			settings[name] = v
		}
	}
	return settings
}

// npmRegistry returns a function that finds the npm registry this machine uses: SLUGC_NPM_REGISTRY,
// npm's own environment variable, the npmrc files, and last npm itself, which knows its default. Its
// answer is kept in the state directory, together with the path and time of npm's program.
func (c *cli) npmRegistry() func(context.Context) (string, error) {
	return onceContext(func(ctx context.Context) (string, error) {
		if v := c.env.first("SLUGC_NPM_REGISTRY", "npm_config_registry", "NPM_CONFIG_REGISTRY"); v != "" {
			return v, nil
		}
		files := []string{
			filepath.Join(c.env.vars["HOME"], ".npmrc"),
			"/usr/local/etc/npmrc",
			"/usr/etc/npmrc",
			"/etc/npmrc",
		}
		for _, f := range files {
			if v := npmrcRegistry(f); v != "" {
				return v, nil
			}
		}
		return c.askNpm(ctx)
	})
}

func (c *cli) askNpm(ctx context.Context) (string, error) {
	path, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("finding the npm registry: npm is not installed and SLUGC_NPM_REGISTRY is not set")
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("finding the npm registry: %w", err)
	}
	dir, err := c.stateDir()
	if err != nil {
		return "", err
	}
	type answer struct {
		Npm      string
		Time     time.Time
		Registry string
	}
	file, want := filepath.Join(dir, "npm-registry.json"), answer{Npm: path, Time: info.ModTime().UTC()}
	var known answer
	if data, err := disk.ReadRegular(file, 1<<16); err == nil && json.Unmarshal(data, &known) == nil &&
		known.Npm == want.Npm &&
		known.Time.Equal(want.Time) &&
		known.Registry != "" {
		return known.Registry, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "config", "get", "registry")
	cmd.Dir = "/"
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("finding the npm registry: running npm config get registry: %w", err)
	}
	want.Registry = strings.TrimSpace(string(out))
	if data, err := json.Marshal(want); err == nil {
		_ = disk.WriteFile(file, data, 0o600) // it only saves time
	}
	return want.Registry, nil
}

// npmrcRegistry reads `registry = URL` of an npmrc file.
func npmrcRegistry(file string) (registry string) {
	f, err := disk.OpenRegular(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		k, v, ok := strings.Cut(lines.Text(), "=")
		if ok && strings.TrimSpace(k) == "registry" && !strings.Contains(v, "${") {
			registry = strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return registry
}

// onceContext returns f with its first value remembered. Errors are not remembered.
func onceContext[T any](f func(context.Context) (T, error)) func(context.Context) (T, error) {
	var mu sync.Mutex
	var known bool
	var value T
	return func(ctx context.Context) (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if known {
			return value, nil
		}
		v, err := f(ctx)
		if err == nil {
			value, known = v, true
		}
		return v, err
	}
}
