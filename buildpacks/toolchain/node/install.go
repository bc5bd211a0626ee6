package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"slugc/buildpacks/toolchain/source"
	"slugc/cache/disk"
)

// packageDir is where a package is in a tree.
func packageDir(name string) string {
	return filepath.Join("lib", "node_modules", filepath.FromSlash(name))
}

// installPackage unpacks a package into lib/node_modules of a tree and links its programs into bin,
// as npm's global install does.
func installPackage(ctx context.Context, file, tree, name string, bin map[string]string) error {
	dir := packageDir(name)
	if err := source.Unpack(ctx, file, filepath.Join(tree, dir), 1); err != nil {
		return err
	}
	if len(bin) == 0 {
		return errors.New("it names no program")
	}
	for _, drop := range []string{"docs", "man"} {
		if err := disk.RemoveAll(filepath.Join(tree, dir, drop)); err != nil {
			return err
		}
	}
	return linkPrograms(tree, dir, bin)
}

// linkPrograms links the programs of the package in dir, a path inside the tree, into the tree's
// bin.
func linkPrograms(tree, dir string, bin map[string]string) error {
	root, err := os.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll("bin", 0o755); err != nil {
		return err
	}
	for name, target := range bin {
		target = filepath.FromSlash(target)
		if !filepath.IsLocal(target) || filepath.Base(name) != name || name == "." || name == ".." {
			return fmt.Errorf("its program %q lies outside the package", name)
		}
		program := filepath.Join(dir, target)
		if info, err := root.Lstat(program); err != nil || !info.Mode().IsRegular() {
			return fmt.Errorf("its program %q is missing", name)
		}
		if err := root.Chmod(program, 0o755); err != nil {
			return err
		}
		if err := root.Symlink(filepath.Join("..", program), filepath.Join("bin", name)); err != nil {
			return err
		}
	}
	return nil
}
