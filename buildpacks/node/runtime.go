package node

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/tree"
	"slugc/detect"
)

// layout is the version of how layers are filled. It is part of their keys.
const layout = "1"

// nodeRuntime is the Node.js that the build and the app run on.
type nodeRuntime struct {
	toolchain.Toolchain
	npm   toolchain.Toolchain // the npm in the layer: its own, or Node's (then Version is read from its package.json)
	layer libcnb.Layer
}

// everything are the types of a layer that serves the build, the launch and the next build.
var everything = libcnb.LayerTypes{Build: true, Launch: true, Cache: true}

// installRuntime puts Node and npm into the layer "node", or leaves the restored layer as it is.
func (b *work) installRuntime() error {
	b.env.defaults()
	b.say.Step("Installing runtime")
	found, err := b.toolchains()
	if err != nil {
		return err
	}
	node, ok := found["node"]
	if !ok {
		return errors.New("installing the runtime: no Node.js toolchain was provided")
	}
	b.node = nodeRuntime{Toolchain: node, npm: found["npm"]}
	if b.node.npm.Dir == "" {
		b.node.npm.Dir = node.Dir
		b.node.npm.Version = packageVersion(filepath.Join(node.Dir, "lib/node_modules/npm/package.json"))
	}
	if b.node.layer, err = b.layer("node"); err != nil {
		return err
	}
	layer := &b.node.layer
	want := map[string]any{
		"layout": layout, "node": node.Version, "source": node.Source, "digest": node.Digest, "npm": b.node.npm.Version, "npm_digest": b.node.npm.Digest,
	}
	if language.Same(layer.Metadata, want) && tree.IsProgram(filepath.Join(layer.Path, "bin/node")) {
		b.say.Detail("Using Node.js %s (%s), npm %s, from the cache", node.Version, node.From, b.node.npm.Version)
	} else {
		if *layer, err = layer.Reset(); err != nil {
			return fmt.Errorf("installing the runtime: %w", err)
		}
		if err := b.fillRuntime(layer.Path); err != nil {
			return fmt.Errorf("installing the runtime: %w", err)
		}
		b.say.Detail("Using Node.js %s (%s), npm %s", node.Version, node.From, b.node.npm.Version)
	}
	layer.Metadata = want
	b.env.prepend(filepath.Join(layer.Path, "bin"))
	if headers := filepath.Join(node.Dir, "include/node/node.h"); tree.IsFile(headers) {
		b.env.fallback("npm_config_nodedir", node.Dir)
	}
	layer.LaunchEnvironment.Default("NODE_ENV", "production")
	layer.LaunchEnvironment.Override("NODE_HOME", layer.Path)
	layer.LaunchEnvironment.Default("npm_config_update_notifier", "false")
	layer.LaunchEnvironment.Default("npm_config_logs_max", "0")
	layer.LaunchEnvironment.Append("PATH", ":", b.path("node_modules/.bin"))
	layer.BuildEnvironment.Default("NODE_OPTIONS", b.env.vars["NODE_OPTIONS"])
	if err := writeProfile(layer.Path); err != nil {
		return err
	}
	b.contribute(*layer, everything)
	return nil
}

// fillRuntime copies what a running app needs: the program and npm. Headers and documents stay in
// the toolchain.
func (b *work) fillRuntime(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		return err
	}
	if err := tree.CopyFile(filepath.Join(b.node.Dir, "bin/node"), filepath.Join(dir, "bin/node"), 0o755); err != nil {
		return err
	}
	if licence := filepath.Join(b.node.Dir, "LICENSE"); tree.IsFile(licence) {
		if err := tree.CopyFile(licence, filepath.Join(dir, "LICENSE"), 0o644); err != nil {
			return err
		}
	}
	npm := filepath.Join(b.node.npm.Dir, "lib/node_modules/npm")
	if _, err := os.Stat(npm); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	err := tree.Copy(
		npm,
		filepath.Join(dir, "lib/node_modules/npm"),
		tree.Options{Skip: func(rel string) bool { return rel == "docs" || rel == "man" }},
	)
	if err != nil {
		return err
	}
	for _, name := range []string{"npm", "npx"} {
		target := "../lib/node_modules/npm/bin/" + name + "-cli.js"
		if err := os.Symlink(target, filepath.Join(dir, "bin", name)); err != nil {
			return err
		}
	}
	return nil
}

// installManager chooses the package manager and, where it is not npm, puts it into a layer of its
// own: `yarn start` needs it at launch.
func (b *work) installManager() error {
	found, err := b.toolchains()
	if err != nil {
		return err
	}
	tool := toolOf(b.app.Manager)
	chain := found[tool]
	if tool == "npm" {
		chain = b.node.npm
	}
	if tool == "yarn" && b.app.YarnPath != "" {
		return b.installYarnPath()
	}
	if chain.Dir == "" {
		return fmt.Errorf("installing the package manager: no %s toolchain was provided", tool)
	}
	if b.manager, err = b.managerOf(chain.Version); err != nil {
		return err
	}
	if tool == "npm" {
		return nil
	}
	want := map[string]any{"layout": layout, "version": chain.Version, "source": chain.Source, "digest": chain.Digest}
	return b.managerLayer(
		tool,
		want,
		fmt.Sprintf("Using %s %s (%s)", tool, chain.Version, chain.From),
		func(dir string) error {
			if !tree.IsProgram(filepath.Join(chain.Dir, "bin", tool)) {
				return fmt.Errorf("no program %q in %q", tool, chain.Dir)
			}
			return tree.Copy(
				chain.Dir,
				dir,
				tree.Options{Skip: func(rel string) bool { return rel == "toolchain.json" }},
			)
		},
	)
}

// installYarnPath puts the yarn that the app has checked in (.yarnrc.yml yarnPath) on the search
// path.
func (b *work) installYarnPath() error {
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return fmt.Errorf("reading %q: %w", b.app.YarnPath, err)
	}
	defer root.Close()
	data, err := root.ReadFile(filepath.FromSlash(b.app.YarnPath))
	if err != nil {
		return fmt.Errorf("reading %q: %w", b.app.YarnPath, err)
	}
	version := yarnPathVersion(b.app.YarnPath)
	if b.manager, err = b.managerOf(version); err != nil {
		return err
	}
	want := map[string]any{"layout": layout, "version": version, "source": b.app.YarnPath, "digest": digest(data)}
	return b.managerLayer("yarn", want, fmt.Sprintf("Using yarn from %s", b.app.YarnPath), func(dir string) error {
		if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "bin/yarn"), data, 0o755)
	})
}

// managerLayer fills the layer named tool unless it is what want says already.
func (b *work) managerLayer(tool string, want map[string]any, line string, fill func(dir string) error) error {
	layer, err := b.layer(tool)
	if err != nil {
		return err
	}
	if language.Same(layer.Metadata, want) && tree.IsProgram(filepath.Join(layer.Path, "bin", tool)) {
		b.say.Detail("%s, from the cache", line)
	} else {
		if layer, err = layer.Reset(); err != nil {
			return fmt.Errorf("installing %s: %w", tool, err)
		}
		if err := fill(layer.Path); err != nil {
			return fmt.Errorf("installing %s: %w", tool, err)
		}
		b.say.Detail("%s", line)
	}
	layer.Metadata = want
	for name, value := range b.manager.launch {
		layer.LaunchEnvironment.Default(name, value)
	}
	b.env.prepend(filepath.Join(layer.Path, "bin"))
	b.contribute(layer, everything)
	return nil
}

// toolchains are the tools by name: those the platform has fetched, and under a platform that
// fetches none, our own.
func (b *work) toolchains() (map[string]toolchain.Toolchain, error) {
	list, err := extension.Toolchains(b.cnb.Platform.Path)
	if err != nil {
		return nil, err
	}
	found := map[string]toolchain.Toolchain{}
	for _, chain := range list {
		found[chain.Tool] = chain
	}
	var missing []toolchain.Request
	for _, want := range b.requires {
		if _, ok := found[want.Tool]; !ok && !(want.Tool == "yarn" && b.app != nil && b.app.YarnPath != "") {
			missing = append(missing, request(want))
		}
	}
	if len(b.requires) == 0 && found["node"].Dir == "" {
		missing = append(missing, toolchain.Request{Tool: "node", From: "default"})
	}
	if len(missing) == 0 {
		return found, nil
	}
	fetched, err := b.fetch(missing)
	for _, chain := range fetched {
		found[chain.Tool] = chain
	}
	return found, err
}

func request(want detect.Requirement) toolchain.Request {
	return toolchain.Request{Tool: want.Tool, Constraint: want.Constraint, From: want.From, Hash: want.Hash}
}

// fetch is for platforms other than slugc: the toolchains go to a store in a cache layer. Node
// comes first: its npm knows the registry that the others come from.
func (b *work) fetch(missing []toolchain.Request) ([]toolchain.Toolchain, error) {
	layer, err := b.layer("toolchains")
	if err != nil {
		return nil, err
	}
	path := b.env.vars["PATH"]
	store, err := toolchain.Open(layer.Path, toolchain.Settings{
		OS: b.cnb.TargetInfo.OS, Arch: b.cnb.TargetInfo.Arch, AllowWide: b.env.enabled("NODEJS_ALLOW_WIDE_RANGE"),
		NpmRegistry: func(ctx context.Context) (string, error) { return b.registry(ctx, path) },
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(missing, func(a, b toolchain.Request) int { return cmp.Compare(rank(a.Tool), rank(b.Tool)) })
	var fetched []toolchain.Toolchain
	notes := &language.Notes{Log: b.say}
	for _, want := range missing {
		got, err := store.Ensure(b.ctx, []toolchain.Request{want}, notes)
		if err != nil {
			return nil, language.NoToolchain("node", err)
		}
		if want.Tool == "node" {
			path = filepath.Join(got[0].Dir, "bin") + ":" + path
		}
		fetched = append(fetched, got...)
	}
	if !b.hasLayer("toolchains") {
		b.contribute(layer, libcnb.LayerTypes{Cache: true})
	}
	return fetched, nil
}

func rank(tool string) int {
	if tool == "node" {
		return 0
	}
	return 1
}

// registry is where packages come from: as configured, else as the npm on path has it.
func (b *work) registry(ctx context.Context, path string) (string, error) {
	if registry, ok := b.env.get("npm_config_registry"); ok && registry != "" {
		return registry, nil
	}
	npm := command.Look(path, "npm")
	if npm == "" {
		return "", errors.New("npm_config_registry is not set, and there is no npm to ask")
	}
	var out bytes.Buffer
	_, err := b.say.Run(ctx, command.Command{
		Program: npm, Args: []string{"config", "get", "registry"}, Shown: "npm config get registry", Dir: b.dir,
		Env: append(command.Environ(b.env.vars), "PATH="+path), Stdout: &out, Quiet: true,
	})
	if err != nil {
		return "", fmt.Errorf("asking npm for the registry: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}

func (b *work) hasLayer(name string) bool {
	for _, layer := range b.result.Layers {
		if layer.Name == name {
			return true
		}
	}
	return false
}

// packageVersion reads the version of an installed package, "" where there is none.
func packageVersion(manifest string) string {
	data, err := os.ReadFile(manifest)
	if err != nil {
		return ""
	}
	var pkg struct{ Version string }
	if json.Unmarshal(data, &pkg) != nil {
		return ""
	}
	return pkg.Version
}
