package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"slugc/cache/disk"
)

// Build is the working directory of an app's current build. Restore moves the app's layers in and
// Commit moves them back out, each by one rename: nothing is copied.
type Build struct {
	app       *App
	Dir       string // holds everything of this build
	AppDir    string // the app; the caller makes it after Begin
	LayersDir string // the layers, inside AppDir
	// Interrupted reports whether the former build was killed or failed. Its layers' metadata was
	// removed then, because it may not describe them.
	Interrupted bool
}

// Begin makes the build directory and recovers the layers that a killed build left in its own. The
// app's lock must be held. If fresh, the layers start empty.
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
	_, err := os.Lstat(a.Path("layers", interruptedMark))
	b.Interrupted = err == nil
	return b, nil
}

// recover moves the layers of a killed build back, without their metadata, and removes the rest.
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

// interruptedMark names the file among the layers that records that their metadata was removed.
const interruptedMark = ".broken-off"

// Restore moves the kept layers into the app directory, which must exist.
func (b *Build) Restore() error {
	err := os.Rename(b.app.Path("layers"), b.LayersDir)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Mkdir(b.LayersDir, 0o755)
	}
	if err == nil {
		if err = os.Remove(filepath.Join(b.LayersDir, interruptedMark)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("restoring layers: %w", err)
	}
	return nil
}

// Commit keeps the layers for the next build and removes the build directory.
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

// Abort ends a failed build. It keeps the layers' directories, because package managers' stores are
// expensive to fill, but removes their metadata.
func (b *Build) Abort() error { return b.recover() }

// dropMetadata removes every ‹buildpack›/‹layer›.toml: the content of a layer without metadata is
// not relied on.
func dropMetadata(layers string) error {
	files, err := filepath.Glob(filepath.Join(layers, "*", "*.toml"))
	if err != nil {
		return fmt.Errorf("listing layers: %w", err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			return fmt.Errorf("dropping the metadata of an interrupted build: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(layers, interruptedMark), nil, 0o600); err != nil {
		return fmt.Errorf("marking an interrupted build: %w", err)
	}
	return nil
}
