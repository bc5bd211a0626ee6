package golang

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/tree"
)

// extras puts into the slug what variables of Heroku's Go buildpack ask for:
// GO_INSTALL_TOOLS_IN_IMAGE the toolchain, with GOROOT set and go on PATH, and
// GO_SETUP_GOPATH_FOR_MODULE_CACHE the module cache below a GOPATH.
func (b *work) extras() error {
	if b.env.enabled("GO_INSTALL_TOOLS_IN_IMAGE") {
		if err := b.toolsLayer(); err != nil {
			return fmt.Errorf("installing the Go tools: %w", err)
		}
	}
	if b.env.enabled("GO_SETUP_GOPATH_FOR_MODULE_CACHE") {
		if err := b.gopathLayer(); err != nil {
			return fmt.Errorf("installing the module cache: %w", err)
		}
	}
	return nil
}

// needless are parts of a Go distribution that compile nothing.
var needless = []string{"api", "doc", "misc", "test"}

// toolsLayer fills the layer "go". Its bin is on PATH because CNB puts each layer's bin there.
func (b *work) toolsLayer() error {
	layer, err := b.CNB.Layers.Layer("go")
	if err != nil {
		return err
	}
	key := b.goTool.Version + " " + b.goTool.Source + " " + b.goTool.Digest
	if _, err := os.Stat(filepath.Join(layer.Path, "bin", "go")); err != nil || layer.Metadata["toolchain"] != key {
		if layer, err = layer.Reset(); err != nil {
			return err
		}
		skip := func(path string) bool { return slices.Contains(needless, path) }
		if err := tree.Copy(b.goTool.Dir, layer.Path, tree.Options{Plain: true, Skip: skip}); err != nil {
			return err
		}
	}
	layer.Metadata = map[string]any{"toolchain": key}
	layer.LaunchEnvironment.Override("GOROOT", layer.Path)
	layer.LaunchEnvironment.Default("GOTOOLCHAIN", "local")
	b.Contribute(layer, libcnb.LayerTypes{Launch: true, Cache: true})
	b.Log.Detail("The Go tools are in the slug (GO_INSTALL_TOOLS_IN_IMAGE)")
	return nil
}

// gopathLayer fills the layer "gopath" with the module cache, without what serves only downloads.
func (b *work) gopathLayer() error {
	layer, err := b.CNB.Layers.Layer("gopath")
	if err != nil {
		return err
	}
	if layer, err = layer.Reset(); err != nil {
		return err
	}
	into := filepath.Join(layer.Path, "pkg", "mod")
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	err = tree.Copy(b.modules, into, tree.Options{Plain: true, Skip: func(path string) bool {
		return path == "cache/vcs" || path == "cache/lock" || strings.HasSuffix(path, ".lock")
	}})
	if err != nil {
		return err
	}
	layer.LaunchEnvironment.Default("GOPATH", layer.Path)
	b.Contribute(layer, libcnb.LayerTypes{Launch: true})
	b.Log.Detail("The module cache is in the slug (GO_SETUP_GOPATH_FOR_MODULE_CACHE)")
	return nil
}
