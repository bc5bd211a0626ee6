package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"slugc/buildpacks/node"
	"slugc/buildpacks/toolchain"
	"slugc/cache"
	"slugc/compiler"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/coordinator"
	"slugc/compiler/deploy"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/release"
	"slugc/compiler/sandbox"
)

// collectAt is by how many percent the heap of a build may grow until garbage is collected. Packing allocates little
// besides its buffers: it takes no longer than with Go's 100, and a quarter less memory.
const collectAt = 40

// engine wires the compiler to this machine.
func (c *cli) engine() (*compiler.Engine, error) {
	home, err := c.openHome()
	if err != nil {
		return nil, err
	}
	self, err := selfPath()
	if err != nil {
		return nil, err
	}
	limits, err := c.cacheLimits(home.Path(), "", "")
	if err != nil {
		return nil, err
	}
	distro, release := distribution()
	if c.env.vars["GOGC"] == "" {
		debug.SetGCPercent(collectAt)
	}
	goSettings := onceContext(
		func(ctx context.Context) (map[string]string, error) { return c.env.goSettings(ctx), nil },
	)
	registry := c.npmRegistry()
	references, err := c.referenceOptions()
	if err != nil {
		return nil, err
	}
	return &compiler.Engine{
		References: references,
		Version:    recordedVersion(), Self: self, Home: home, Report: c.ui,
		Target: lifecycle.Target{
			OS: runtime.GOOS, Arch: runtime.GOARCH, DistroName: distro, DistroVersion: release,
		},
		Sandbox: func(ctx context.Context) (*sandbox.Sandbox, error) {
			return c.probeSandbox(ctx, self, home.Path("sandbox.json"))
		},
		Toolchains: func(ctx context.Context, settings []string, offline bool) (*toolchain.Store, error) {
			return c.toolchains(ctx, home, settings, offline, registry, goSettings)
		},
		Coordinator: func(context.Context) (coordinator.Coordinator, error) { return c.openCoordinator(home) },
		OpenStore:   c.openStore,
		Upkeep:      c.keeper(home, limits),
		Builders:    c.builders(home),
		BaseEnv: func(ctx context.Context, settings []string) (map[string]string, []sandbox.Bind, error) {
			return c.baseEnv(ctx, settings, registry, goSettings)
		},
	}, nil
}

// deployer deploys on this machine. It fetches the slugs it rolls back to where need be.
func (c *cli) deployer(engine *compiler.Engine, releases *release.Releases) *deploy.Deployer {
	return &deploy.Deployer{
		Home: engine.Home, Releases: releases, Sandbox: engine.Sandbox, Report: engine.Report,
		OpenStore: c.openStore, Fetch: c.fetcher(engine.Home),
	}
}

// selfPath is the path of the running binary, which buildpacks, sandboxes and supervisors run
// again.
func selfPath() (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", fmt.Errorf("finding the slugc binary: %w", err)
	}
	return self, nil
}

// probeSandbox finds the sandbox's level. memory is the file that keeps the answer.
func (c *cli) probeSandbox(ctx context.Context, self, memory string) (*sandbox.Sandbox, error) {
	return sandbox.Probe(ctx, sandbox.ProbeOptions{Want: c.sandboxLevel(), Self: self, Memory: memory})
}

func (c *cli) sandboxLevel() sandbox.Level {
	if c.sandbox != "" {
		return sandbox.Level(c.sandbox)
	}
	return sandbox.Level(c.env.vars["SLUGC_SANDBOX"])
}

// checkSettings refuses settings that name nothing, before any work is done.
func (c *cli) checkSettings() error {
	if want := c.sandboxLevel(); want != "" &&
		!slices.Contains([]sandbox.Level{sandbox.Bubblewrap, sandbox.Landlock, sandbox.None}, want) {
		return fault.UsageError("usage/sandbox", fmt.Errorf("choosing the sandbox: there is no level %q", want),
			"use bubblewrap, landlock or none")
	}
	if _, err := c.networkMode(); err != nil {
		return err
	}
	if store := c.storeURL(); store != "" {
		if err := blobstore.Check(store); err != nil {
			return err
		}
	}
	if _, err := c.cacheLimits("/", "", ""); err != nil {
		return err
	}
	_, err := c.coordinatorAddress()
	return err
}

// toolchains opens the toolchain store with this machine's sources. The go command is asked for its
// settings only where they are among the names.
func (c *cli) toolchains(
	ctx context.Context,
	home *cache.Home,
	names []string,
	offline bool,
	registry func(context.Context) (string, error),
	goSettings func(context.Context) (map[string]string, error),
) (*toolchain.Store, error) {
	var settings map[string]string
	if slices.ContainsFunc(names, func(name string) bool { return slices.Contains(goVariables, name) }) {
		var err error
		if settings, err = goSettings(ctx); err != nil {
			return nil, err
		}
	}
	mode, err := c.networkMode()
	if err != nil {
		return nil, err
	}
	return toolchain.Open(home.Path("toolchains"), toolchain.Settings{
		NodeDist: c.env.vars["SLUGC_NODE_MIRROR"], NpmRegistry: registry,
		GoDist: c.env.vars["SLUGC_GO_MIRROR"], GoProxy: settings["GOPROXY"],
		GoSumDB: settings["GOSUMDB"], GoNoSumDB: settings["GONOSUMDB"],
		LocalGo: toolchain.LocalGo{
			Root:    settings["GOROOT"],
			Version: strings.TrimPrefix(settings["GOVERSION"], "go"),
		},
		RubyMirror: c.env.vars["SLUGC_RUBY_MIRROR"], Debian: c.env.debian(), LocalRuby: c.env.localRuby(),
		JDKMirror: c.env.vars["SLUGC_JDK_MIRROR"], LocalJDK: c.env.localJDK(),
		LeinMirror: c.env.vars["SLUGC_LEIN_MIRROR"], ClojureMirror: c.env.vars["SLUGC_CLOJURE_MIRROR"],
		Offline: c.env.vars["SLUGC_OFFLINE"] != "" || mode == lifecycle.NoNetwork || offline,
	})
}

// systemPath is the search path of builds: the machine's own programs come after the toolchains
// that a buildpack puts in front.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// baseEnv is the environment of every buildpack process, and the files that it names. Besides fixed
// values it holds proxies, certificates and the settings that the group's buildpacks read.
func (c *cli) baseEnv(
	ctx context.Context, settings []string,
	registry func(context.Context) (string, error), goSettings func(context.Context) (map[string]string, error),
) (map[string]string, []sandbox.Bind, error) {
	env := map[string]string{"PATH": systemPath, "LANG": "C.UTF-8", "TZ": "UTC", "SOURCE_DATE_EPOCH": "315532801"}
	var binds []sandbox.Bind
	for _, name := range passed {
		v := c.env.vars[name]
		if v == "" {
			continue
		}
		env[name] = v
		if _, err := os.Stat(v); filepath.IsAbs(v) && err == nil {
			binds = append(binds, sandbox.Bind{Host: v, Inside: v})
		}
	}
	for _, name := range settings {
		value := c.env.vars[name]
		switch {
		case name == node.RegistrySetting:
			// Without a registry only apps without dependencies can be built; npm itself says so if
			// it comes to that.
			value, _ = registry(ctx)
		case slices.Contains(goVariables, name):
			machine, err := goSettings(ctx)
			if err != nil {
				return nil, nil, err
			}
			value = machine[name]
		}
		if value != "" {
			env[name] = value
		}
	}
	return env, binds, nil
}

// buildEnv is the build configuration: the environment's SLUGC_*_VERSION and SLUGC_BUILDPACK, then
// --env-file, then --env.
func (c *cli) buildEnv(more map[string]string) map[string]string {
	env := map[string]string{}
	for k, v := range c.env.vars {
		if k == "SLUGC_BUILDPACK" || strings.HasPrefix(k, "SLUGC_") && strings.HasSuffix(k, "_VERSION") {
			env[k] = v
		}
	}
	maps.Copy(env, more)
	return env
}
