package golang

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"
)

// extras puts into the slug what the app's owner asks for by name: GO_INSTALL_TOOLS_IN_IMAGE the toolchain, with
// GOROOT set and go on PATH, and GO_SETUP_GOPATH_FOR_MODULE_CACHE the module cache below a GOPATH (languages.md 4.5).
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

// toolsLayer fills the layer "go". Its bin is put on PATH by the contract.
func (b *work) toolsLayer() error {
	layer, err := b.cnb.Layers.Layer("go")
	if err != nil {
		return err
	}
	key := b.goTool.Version + " " + b.goTool.Source + " " + b.goTool.Digest
	if _, err := os.Stat(filepath.Join(layer.Path, "bin", "go")); err != nil || layer.Metadata["toolchain"] != key {
		if layer, err = layer.Reset(); err != nil {
			return err
		}
		if err := copyTree(layer.Path, b.goTool.Dir, func(path string) bool { return slices.Contains(needless, path) }); err != nil {
			return err
		}
	}
	layer.LayerTypes = libcnb.LayerTypes{Launch: true, Cache: true}
	layer.Metadata = map[string]any{"toolchain": key}
	layer.LaunchEnvironment.Override("GOROOT", layer.Path)
	layer.LaunchEnvironment.Default("GOTOOLCHAIN", "local")
	b.result.Layers = append(b.result.Layers, layer)
	b.say.detail("The Go tools are in the slug (GO_INSTALL_TOOLS_IN_IMAGE)")
	return nil
}

// gopathLayer fills the layer "gopath" with the module cache, without what only serves downloads.
func (b *work) gopathLayer() error {
	layer, err := b.cnb.Layers.Layer("gopath")
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
	err = copyTree(into, b.modules, func(path string) bool {
		return path == "cache/vcs" || path == "cache/lock" || strings.HasSuffix(path, ".lock")
	})
	if err != nil {
		return err
	}
	layer.LayerTypes = libcnb.LayerTypes{Launch: true}
	layer.LaunchEnvironment.Default("GOPATH", layer.Path)
	b.result.Layers = append(b.result.Layers, layer)
	b.say.detail("The module cache is in the slug (GO_SETUP_GOPATH_FOR_MODULE_CACHE)")
	return nil
}

// copyTree copies the directories and regular files of from into the directory to, except the paths (slash-separated, relative) that
// skip reports. Neither a Go distribution nor a module cache has links.
func copyTree(to, from string, skip func(path string) bool) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || rel == "." {
			return err
		}
		switch target := filepath.Join(to, rel); {
		case skip(filepath.ToSlash(rel)) && entry.IsDir():
			return fs.SkipDir
		case skip(filepath.ToSlash(rel)):
			return nil
		case entry.IsDir():
			return os.Mkdir(target, 0o755)
		case entry.Type().IsRegular():
			return copyFile(target, path)
		}
		return nil
	})
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o644|info.Mode().Perm()&0o111), out.Close())
}
