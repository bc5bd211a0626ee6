package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"slugc/cache/beneath"
	"slugc/cache/disk"
)

// tomlSuffix ends the names of layers' metadata.
const tomlSuffix = ".toml"

// interruptedMark names the file among the layers that records that metadata was removed.
const interruptedMark = ".broken-off"

// Recover puts the app's state in order after a build that was killed, that failed, or whose push was
// not accepted, and removes temporary files. The app's lock must be held.
//
// Layers that the build did not touch keep their files and get back the metadata that they had. Of the
// others the metadata goes, because it may not describe them; [Build.Abort] keeps those that were
// finished. After the build of a push, what it has added to a layer goes; a layer of which it has changed or
// removed something goes altogether, unless its files stand for themselves ([Build].Independent). The record
// and the index of segments are again those from before the push.
func (a *App) Recover() error { return a.recover(nil) }

// recover does what Recover does, except that finished layers stay as they are.
func (a *App) recover(finished map[string]map[string]bool) error {
	m, err := a.readMark()
	if err != nil {
		return err
	}
	if m != nil {
		m.finished = finished
		a.forgetSizes()
		if err := a.undo(m); err != nil {
			return fmt.Errorf("recovering from a build that has not ended: %w", err)
		}
	}
	if err := disk.RemoveAll(a.Path(buildDir)); err != nil {
		return err
	}
	return a.sweep()
}

// sweep removes temporary files of killed processes. Only temporary files have names with a leading dot.
// Among the slugs, a process may be making one without the app's lock.
func (a *App) sweep() error {
	disk.RemoveUnfinished(a.Path("slugs"))
	for _, dir := range []string{a.dir, a.Path(path.Dir(indexPath))} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("listing the state of app %q: %w", a.Name, err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				if err := disk.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// undo ends the build that a mark belongs to.
func (a *App) undo(m *mark) error {
	now, err := a.now()
	if err != nil {
		return err
	}
	if now < m.Time {
		m.Time = 0 // the clock was set back: any layer may have been touched since
	}
	if err := a.undoLayers(m); err != nil {
		return err
	}
	if m.Push != "" {
		err := errors.Join(a.putBack(oldRecord, recordFile), a.putBack(oldIndex, indexPath))
		if err != nil {
			return err
		}
	}
	return a.dropMark()
}

// now returns the time of the file system's clock in Unix nanoseconds.
func (a *App) now() (int64, error) {
	f, err := os.CreateTemp(a.dir, ".now-*")
	if err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return 0, err
	}
	return changeTime(info), nil
}

// putBack makes a file what it was before the build of a push. It may run twice: the old one stays.
func (a *App) putBack(old, name string) error {
	dir := filepath.Dir(a.Path(name))
	tmp := filepath.Join(dir, "."+filepath.Base(name)+"-before")
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := os.Link(a.Path(begunDir, old), tmp)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.Remove(a.Path(name)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	} else if err == nil {
		err = os.Rename(tmp, a.Path(name))
		_ = os.Remove(tmp) // to rename a link over another to the same file does nothing
	}
	if err != nil {
		return err
	}
	return disk.SyncDir(dir)
}

// undoLayers finds the layers directory that the build had, puts it in order and back in its place.
// Anything else that is called so was made by the build: it goes.
func (a *App) undoLayers(m *mark) error {
	for _, place := range []string{a.Path(buildDir, appName, layersName), a.Path(layersPlace)} {
		layers, err := m.open(place)
		if err != nil {
			continue
		}
		err = m.clean(layers)
		if err == nil && len(m.finished) > 0 {
			err = m.changed.sync(layers, a.dir)
		}
		err = errors.Join(err, layers.Close())
		if err == nil && place != a.Path(layersPlace) {
			err = a.moveLayers(place)
		}
		return err
	}
	return disk.Discard(a.Path(layersPlace))
}

// open opens a layers directory, which must be the one that was marked.
func (m *mark) open(place string) (*beneath.Dir, error) {
	parent, err := beneath.Open(filepath.Dir(place))
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	dir, err := parent.Dir(filepath.Base(place))
	if err != nil {
		return nil, err
	}
	if s, err := dir.Stat(); err != nil || s.Ino != m.Inode || dir.Born() != m.Born {
		dir.Close()
		return nil, errors.New("the layers directory is not the one that the build was given")
	}
	return dir, nil
}

// moveLayers moves the layers from the app directory to where they are kept.
func (a *App) moveLayers(from string) error {
	to := a.Path(layersPlace)
	if err := disk.Discard(to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("keeping layers: %w", err)
	}
	return disk.SyncDir(a.dir)
}

// clean puts the layers in order, metadata first: a layer without metadata is not relied on.
func (m *mark) clean(layers *beneath.Dir) error {
	packs, err := layers.ReadDir(".")
	if err != nil {
		return err
	}
	complete := true
	for _, p := range packs {
		was, known := m.Layers[p.Name]
		if !beneath.IsDir(p.Stat_t) || m.Push != "" && !known {
			err = errors.Join(err, layers.RemoveAll(p.Name))
			continue
		}
		kept, errPack := m.cleanPack(layers, p, was)
		complete = complete && kept
		err = errors.Join(err, errPack)
	}
	if err == nil && !complete {
		err = layers.WriteFile(interruptedMark, nil, 0o600)
	}
	return err
}

// cleanPack puts one buildpack's layers in order. It reports whether all metadata is as it was.
func (m *mark) cleanPack(layers *beneath.Dir, pack beneath.Entry, was markedPack) (complete bool, err error) {
	entries, err := layers.ReadDir(pack.Name)
	if err != nil {
		return false, layers.RemoveAll(pack.Name)
	}
	at := func(name string) string { return path.Join(pack.Name, name) }
	intact, dropped, finished := map[string]bool{}, map[string]bool{}, m.finished[pack.Name]
	for _, e := range entries {
		switch {
		case finished[strings.TrimSuffix(e.Name, tomlSuffix)]:
		case !beneath.IsDir(e.Stat_t) && (m.Push != "" || strings.HasSuffix(e.Name, tomlSuffix)):
			dropped[e.Name] = true
			err = errors.Join(err, layers.RemoveAll(at(e.Name)))
		case beneath.IsDir(e.Stat_t) && m.Push != "":
			intact[e.Name] = pack.Ino == was.Inode && m.takesBack(layers, at(e.Name), was)
		case beneath.IsDir(e.Stat_t):
			intact[e.Name] = pack.Ino == was.Inode && !m.touched(layers, at(e.Name))
		}
	}
	for name, is := range intact {
		if !is && m.Push != "" {
			err = errors.Join(err, layers.RemoveAll(at(name)))
		}
	}
	changed, secureErr := m.secure(layers, pack.Name)
	m.changed, err = append(m.changed, changed...), errors.Join(err, secureErr)
	for file, data := range was.Files {
		name := strings.TrimSuffix(file, tomlSuffix)
		if finished[name] {
			continue
		}
		if _, is := intact[name]; is != was.Dirs[name] || is && !intact[name] {
			dropped[file] = true
			continue
		}
		delete(dropped, file)
		err = errors.Join(err, layers.WriteFile(at(file), data, 0o644))
	}
	return len(dropped) == 0, err
}
