package node

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/extension"
	"slugc/buildpacks/tree"
)

// declareSlices cleans the trees and declares them as slices. A slice has its key as label only
// where the key alone decided its content.
func (b *work) declareSlices() error {
	d := &b.deps
	if !d.supplied {
		for _, modules := range d.paths {
			if err := scrub(b.inRoot(modules)); err != nil {
				return fmt.Errorf("cleaning %q: %w", modules, err)
			}
		}
	}
	if err := b.yarnState(); err != nil {
		return err
	}
	if b.buildOnly {
		b.leaveOut()
		return b.saveState()
	}
	for _, modules := range d.final {
		b.Result.Slices = append(b.Result.Slices, libcnb.Slice{Paths: []string{modules}})
		if d.key != "" && !d.dirty && !b.assisting {
			b.Result.Labels = append(b.Result.Labels, libcnb.Label{Key: extension.SliceLabel(modules), Value: d.key})
		}
	}
	return b.saveState()
}

// bookkeeping are files in a node_modules directory in which package managers record when, where
// and from where they installed. No app reads them, and they differ from build to build.
var bookkeeping = []string{
	".modules.yaml",
	".pnpm-workspace-state.json",
	".pnpm-workspace-state-v1.json",
	".package-lock.json",
}

// scrub removes from a dependency tree what differs between two installs of the same lock file:
// package managers' records, what node-gyp leaves beside the addon it built, compiled Python.
func scrub(modules string) error {
	for _, name := range bookkeeping {
		if err := os.RemoveAll(filepath.Join(modules, name)); err != nil {
			return err
		}
	}
	if !tree.Exists(modules) {
		return nil
	}
	return filepath.WalkDir(modules, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		switch {
		case d.Name() == "__pycache__":
			return remove(name)
		case d.Name() == "build" && tree.IsFile(filepath.Join(name, "config.gypi")):
			return scrubGyp(name)
		}
		return nil
	})
}

func remove(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return fs.SkipDir
}

// scrubGyp removes node-gyp's makefiles and intermediate files, which name the build's directories.
// The addon stays.
func scrubGyp(build string) error {
	return filepath.WalkDir(build, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		switch {
		case d.IsDir() && slices.Contains([]string{"obj.target", ".deps", "obj"}, base):
			return remove(name)
		case d.IsDir():
			return nil
		case slices.Contains([]string{"config.gypi", "Makefile", "gyp-mac-tool"}, base),
			path.Ext(base) == ".mk",
			strings.HasSuffix(base, ".Makefile"):
			return os.Remove(name)
		}
		return nil
	})
}
