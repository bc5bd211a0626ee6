package node

import (
	"fmt"
	"os"
	"path/filepath"

	"slugc/buildpacks/language"
	"slugc/buildpacks/tree"
	"slugc/cache/digest"
)

// installManager chooses the package manager and, where it is not npm, puts it into a layer of its
// own: `yarn start` needs it at launch.
func (b *work) installManager() error {
	tools, err := b.tools()
	if err != nil {
		return err
	}
	name := toolOf(b.app.Manager)
	tool := tools[name]
	if name == "npm" {
		tool = b.node.npm
	}
	if name == "yarn" && b.app.YarnPath != "" {
		return b.installYarnPath()
	}
	if tool.Dir == "" {
		return fmt.Errorf("installing the package manager: no %s toolchain was provided", name)
	}
	var program []byte
	if b.app.Manager == "berry" {
		if program, err = os.ReadFile(filepath.Join(tool.Dir, "bin/yarn")); err != nil {
			return fmt.Errorf("reading yarn %s: %w", tool.Version, err)
		}
	}
	if b.manager, err = b.managerOf(tool.Version, program); err != nil {
		return err
	}
	if name == "npm" {
		return nil
	}
	want := map[string]any{"layout": layout, "version": tool.Version, "source": tool.Source, "digest": tool.Digest}
	line := fmt.Sprintf("Using %s %s (%s)", name, tool.Version, tool.From)
	return b.managerLayer(name, want, line, func(dir string) error {
		if !tree.IsProgram(filepath.Join(tool.Dir, "bin", name)) {
			return fmt.Errorf("no program %q in %q", name, tool.Dir)
		}
		own := tree.Options{Skip: func(rel string) bool { return rel == "toolchain.json" }}
		return tree.Copy(tool.Dir, dir, own)
	})
}

// installYarnPath puts the yarn that the app has checked in (yarnPath in .yarnrc.yml) on the search
// path.
func (b *work) installYarnPath() error {
	data, err := tree.ReadIn(b.inProject("."), b.app.YarnPath, maxManifest)
	if err != nil {
		return fmt.Errorf("reading %q: %w", b.app.YarnPath, err)
	}
	version := yarnPathVersion(b.app.YarnPath)
	if b.manager, err = b.managerOf(version, data); err != nil {
		return err
	}
	want := map[string]any{
		"layout": layout, "version": version, "source": b.app.YarnPath, "digest": digest.Of(data).Hex(),
	}
	return b.managerLayer("yarn", want, fmt.Sprintf("Using yarn from %s", b.app.YarnPath), func(dir string) error {
		if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "bin/yarn"), data, 0o755)
	})
}

// managerLayer fills the layer named tool unless its metadata is want already, and says line.
func (b *work) managerLayer(tool string, want map[string]any, line string, fill func(dir string) error) error {
	layer, err := b.Layer(tool)
	if err != nil {
		return err
	}
	if language.Same(layer.Metadata, want) && tree.IsProgram(filepath.Join(layer.Path, "bin", tool)) {
		line += ", from the cache"
	} else {
		if layer, err = layer.Reset(); err != nil {
			return fmt.Errorf("installing %s: %w", tool, err)
		}
		if err := fill(layer.Path); err != nil {
			return fmt.Errorf("installing %s: %w", tool, err)
		}
	}
	b.Log.Detail("%s", line)
	layer.Metadata = want
	for name, value := range b.manager.launch {
		layer.LaunchEnvironment.Default(name, value)
	}
	b.env.vars.Prepend("PATH", filepath.Join(layer.Path, "bin"))
	b.Contribute(layer, b.everywhere())
	return nil
}
