package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"slugc/cache/disk"
)

// Build is the working directory of the one build under way of an app. The app's layers are moved
// in by Begin and back out by Commit, each by one rename: nothing is copied.
type Build struct {
	app *App
	// Dir holds everything of this build. AppDir (not made by Begin) is to be the app directory,
	// with the layers in LayersDir inside it.
	Dir, AppDir, LayersDir string
	// Interrupted says that the former build was killed or failed, so what the layers' metadata
	// says may not be so: it was removed.
	Interrupted bool
}

// Begin makes the build directory, recovering the layers that a killed build left in its own. The
// app's lock must be held. With fresh, the layers start empty.
func (a *App) Begin(fresh bool) (*Build, error) {
	b := &Build{app: a, Dir: a.Path("build")}
	b.AppDir = filepath.Join(b.Dir, "app")
	b.LayersDir = filepath.Join(b.AppDir, ".layers")
	if err := b.recover(); err != nil {
		return nil, err
	}
	if fresh {
		if err := disk.RemoveAll(a.Path("layers")); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the build directory: %w", err)
	}
	_, err := os.Lstat(a.Path("layers", brokenOff))
	b.Interrupted = err == nil
	return b, nil
}

// recover takes back the layers of a killed build, without their metadata, and removes the rest.
func (b *Build) recover() error {
	layers := b.app.Path("layers")
	if _, err := os.Lstat(b.LayersDir); err == nil {
		if _, err := os.Lstat(layers); errors.Is(err, fs.ErrNotExist) {
			if err := dropMetadata(b.LayersDir); err != nil {
				return err
			}
			if err := os.Rename(b.LayersDir, layers); err != nil {
				return fmt.Errorf("recovering layers: %w", err)
			}
		}
	}
	return disk.RemoveAll(b.Dir)
}

// brokenOff is the name of the file among the layers that says that their metadata was dropped.
const brokenOff = ".broken-off"

// Restore moves the kept layers into the app directory, which must exist by now.
func (b *Build) Restore() error {
	err := os.Rename(b.app.Path("layers"), b.LayersDir)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Mkdir(b.LayersDir, 0o755)
	}
	if err == nil {
		if err = os.Remove(filepath.Join(b.LayersDir, brokenOff)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("restoring layers: %w", err)
	}
	return nil
}

// Commit keeps the layers as they are now for the next build and removes the build directory.
func (b *Build) Commit() error {
	layers := b.app.Path("layers")
	if err := disk.RemoveAll(layers); err != nil {
		return err
	}
	if err := os.Rename(b.LayersDir, layers); err != nil {
		return fmt.Errorf("keeping layers: %w", err)
	}
	return disk.RemoveAll(b.Dir)
}

// Abort ends a failed build: the layers' directories are kept (package manager stores are worth
// much), what their metadata says of them is not.
func (b *Build) Abort() error { return b.recover() }

// dropMetadata removes every ‹buildpack›/‹layer›.toml: a layer without metadata is one whose
// content cannot be relied on.
func dropMetadata(layers string) error {
	files, err := filepath.Glob(filepath.Join(layers, "*", "*.toml"))
	if err != nil {
		return fmt.Errorf("listing layers: %w", err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			return fmt.Errorf("dropping the metadata of a broken-off build: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(layers, brokenOff), nil, 0o600); err != nil {
		return fmt.Errorf("marking a broken-off build: %w", err)
	}
	return nil
}
