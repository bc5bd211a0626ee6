package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/tree"
	"slugc/cache/disk"
)

// layout is the version of how layers are filled. It is part of their keys.
const layout = "1"

// nodeRuntime is the Node.js that the build and the app run on.
type nodeRuntime struct {
	toolchain.Toolchain
	npm   toolchain.Toolchain // the npm in the layer: its own, or Node's (then Version is read from its package.json)
	layer libcnb.Layer
}

// installRuntime puts Node and npm into the layer "node", or leaves the restored layer as it is.
func (b *work) installRuntime() error {
	b.env.defaults()
	b.Log.Step("Installing runtime")
	tools, err := b.tools()
	if err != nil {
		return err
	}
	node, ok := tools["node"]
	if !ok {
		return errors.New("installing the runtime: no Node.js toolchain was provided")
	}
	b.node = nodeRuntime{Toolchain: node, npm: tools["npm"]}
	npm := &b.node.npm
	if npm.Dir == "" {
		npm.Dir = node.Dir
		npm.Version = packageVersion(filepath.Join(node.Dir, "lib/node_modules/npm/package.json"))
	}
	if b.node.layer, err = b.Layer("node"); err != nil {
		return err
	}
	layer := &b.node.layer
	want := map[string]any{
		"layout": layout, "node": node.Version, "source": node.Source, "digest": node.Digest,
		"npm": npm.Version, "npm_digest": npm.Digest,
	}
	cached := ""
	provided, err := b.Provided("node")
	switch {
	case err != nil || provided:
	case language.Same(layer.Metadata, want) && tree.IsProgram(filepath.Join(layer.Path, "bin/node")):
		cached = ", from the cache"
	default:
		if *layer, err = layer.Reset(); err == nil {
			err = b.FillLayer(Runtime, language.Order{Tools: tools}, layer.Path)
		}
	}
	if err != nil {
		return fmt.Errorf("installing the runtime: %w", err)
	}
	b.Log.Detail("Using Node.js %s (%s), npm %s%s", node.Version, node.From, npm.Version, cached)
	layer.Metadata = want
	b.runtimeEnv(layer)
	b.Contribute(*layer, b.everywhere())
	return nil
}

// runtimeEnv sets what the build and the running app find Node by.
func (b *work) runtimeEnv(layer *libcnb.Layer) {
	b.env.vars.Prepend("PATH", filepath.Join(layer.Path, "bin"))
	if headers := filepath.Join(b.node.Dir, "include/node/node.h"); tree.IsFile(headers) {
		b.env.fallback("npm_config_nodedir", b.node.Dir)
	}
	layer.LaunchEnvironment.Default("NODE_ENV", "production")
	layer.LaunchEnvironment.Override("NODE_HOME", layer.Path)
	layer.LaunchEnvironment.Default("npm_config_update_notifier", "false")
	layer.LaunchEnvironment.Default("npm_config_logs_max", "0")
	layer.LaunchEnvironment.Append("PATH", ":", strings.Join(b.programDirs(), ":"))
	layer.BuildEnvironment.Default("NODE_OPTIONS", b.env.vars["NODE_OPTIONS"])
	b.lendRegistry()
}

// lendRegistry tells later buildpacks the machine's registry, unless the app's files name one.
func (b *work) lendRegistry() {
	env := b.node.layer.BuildEnvironment
	if registry, ok := b.env.get("npm_config_registry"); ok && registry != "" {
		env.Default("npm_config_registry", registry)
	} else {
		delete(env, "npm_config_registry.default")
	}
}

// Runtime is the layer "node".
var Runtime = language.Runtime{Layer: "node", Tools: []string{"node", "npm"}, Layout: layout, Make: fillRuntime}

// fillRuntime copies what a running app needs: the program and npm. Headers and documents stay in
// the toolchain.
func fillRuntime(_ context.Context, o language.Order, dir string, _ *command.Log) error {
	node := o.Tools["node"].Dir
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		return err
	}
	if err := disk.CopyFile(filepath.Join(node, "bin/node"), filepath.Join(dir, "bin/node"), 0o755); err != nil {
		return err
	}
	err := disk.CopyFile(filepath.Join(node, "LICENSE"), filepath.Join(dir, "LICENSE"), 0o644)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := language.WriteProfile(dir, "web_concurrency.sh", concurrency); err != nil {
		return err
	}
	const npm = "lib/node_modules/npm"
	from := filepath.Join(cmp.Or(o.Tools["npm"].Dir, node), npm)
	switch _, err := os.Lstat(from); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil: // all apps of the machine would go without
		return err
	}
	undocumented := tree.Options{Skip: func(rel string) bool { return rel == "docs" || rel == "man" }}
	if err := tree.Copy(from, filepath.Join(dir, npm), undocumented); err != nil {
		return err
	}
	for _, name := range []string{"npm", "npx"} {
		if err := os.Symlink("../"+npm+"/bin/"+name+"-cli.js", filepath.Join(dir, "bin", name)); err != nil {
			return err
		}
	}
	return nil
}

// packageVersion reads the version in a package.json, "" where there is none.
func packageVersion(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return versionIn(data)
}

// versionIn returns the version that a package.json states, "" for none.
func versionIn(manifest []byte) string {
	var pkg struct{ Version string }
	if json.Unmarshal(manifest, &pkg) != nil {
		return ""
	}
	return pkg.Version
}
