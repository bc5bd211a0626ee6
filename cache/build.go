package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"slugc/cache/beneath"
	"slugc/cache/disk"
)

// Build is the working directory of an app's current build. Restore moves the app's layers in and
// Commit moves them back out, each by one rename: nothing is copied. After Restore the app directory
// and the layers are hostile: see package beneath.
type Build struct {
	app       *App
	Dir       string // holds everything of this build
	AppDir    string // the app; the caller makes it after Begin
	LayersDir string // the layers, inside AppDir
	// Interrupted reports whether the former build was killed or failed, and left a layer unfinished. The
	// metadata of such layers was removed then, because it may not describe them.
	Interrupted bool
	// Push, set before Restore, is the id of the push that the build belongs to. What the build leaves is
	// on probation until [App.Accept]: the next build finds the state from before, unless it was accepted.
	Push string
	// Independent, set before Restore, is nil or reports by a layer's metadata whether each of its files stands
	// for itself: the layer serves with some of them missing. Of such a layer a push that is not accepted
	// leaves the files that it has not changed; of another, all or nothing.
	Independent func(metadata []byte) bool

	finished map[string]map[string]bool // layers, by buildpack's directory
	ended    bool
}

// Names in an app's state.
const (
	buildDir    = "build"
	appName     = "app"
	layersName  = ".layers" // in the app directory
	layersPlace = "layers"  // between builds
)

// Begin makes the build directory, after [App.Recover]. The app's lock must be held. If fresh, the layers
// start empty.
func (a *App) Begin(fresh bool) (*Build, error) {
	b := &Build{app: a, Dir: a.Path(buildDir)}
	b.AppDir = filepath.Join(b.Dir, appName)
	b.LayersDir = filepath.Join(b.AppDir, layersName)
	if err := a.Recover(); err != nil {
		return nil, err
	}
	if fresh {
		if err := disk.Discard(a.Path(layersPlace)); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the build directory: %w", err)
	}
	_, err := os.Lstat(a.Path(layersPlace, interruptedMark))
	b.Interrupted = err == nil
	return b, nil
}

// Restore moves the kept layers into the app directory, which must exist.
func (b *Build) Restore() error {
	if err := b.restore(); err != nil {
		return fmt.Errorf("restoring layers: %w", err)
	}
	return nil
}

func (b *Build) restore() error {
	kept := b.app.Path(layersPlace)
	if err := os.Mkdir(kept, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	layers, err := beneath.Open(kept)
	if err != nil {
		return err
	}
	defer layers.Close()
	if err := layers.Remove(interruptedMark); err != nil {
		return err
	}
	if err := b.app.writeMark(b.Push, layers, b.Independent); err != nil {
		return err
	}
	return os.Rename(kept, b.LayersDir)
}

// Commit keeps the layers for the next build and removes the build directory. Of files that the build has
// written it removes setuid and setgid bits and file capabilities, and makes them durable.
func (b *Build) Commit() error {
	m, err := b.app.readMark()
	if err == nil && m == nil {
		err = errors.New("the build's mark is gone")
	}
	if err != nil {
		return fmt.Errorf("keeping layers: %w", err)
	}
	layers, err := m.open(b.LayersDir)
	if err != nil {
		return fmt.Errorf("keeping layers: %w", err)
	}
	m.sizes = layerSizes{}
	changed, err := m.secureAll(layers)
	if err = errors.Join(err, changed.sync(layers, b.app.dir), layers.Close()); err != nil {
		return fmt.Errorf("keeping layers: %w", err)
	}
	if err := b.app.moveLayers(b.LayersDir); err != nil {
		return err
	}
	b.ended = true
	b.app.noteSizes(m.sizes, time.Now())
	if b.Push == "" {
		if err := b.app.dropMark(); err != nil {
			return err
		}
	}
	return disk.RemoveAll(b.Dir)
}

// Finish notes that layers in a buildpack's directory are complete, with their metadata: [Build.Abort] keeps
// them as they are.
func (b *Build) Finish(dir string, layers []string) {
	if b.finished == nil {
		b.finished = map[string]map[string]bool{}
	}
	b.finished[dir] = map[string]bool{}
	for _, name := range layers {
		b.finished[dir][name] = true
	}
}

// Abort ends a failed build by [App.Recover], and keeps what the build had finished. Of a push nothing is
// kept: what it was to release was not accepted. After Commit, or a second time, it does nothing.
func (b *Build) Abort() error {
	if b.ended {
		return nil
	}
	b.ended = true
	if b.Push != "" {
		return b.app.Recover()
	}
	return b.app.recover(b.finished)
}
