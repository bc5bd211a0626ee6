package lifecycle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/cache/disk"
)

// layerFile is ‹layer›.toml.
type layerFile struct {
	Types    libcnb.LayerTypes `toml:"types"`
	Metadata map[string]any    `toml:"metadata,omitempty"`
}

// reserved are the names of files beside the layers that are not layers.
var reserved = map[string]bool{"launch": true, "build": true, "store": true}

// readLayers reads every ‹layer›.toml of one buildpack's layers directory.
func readLayers(dir string) (map[string]layerFile, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		return nil, fmt.Errorf("listing layers: %w", err)
	}
	layers := map[string]layerFile{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".toml")
		if reserved[name] {
			continue
		}
		var l layerFile
		if err := decodeFile(file, &l); err != nil {
			return nil, err
		}
		layers[name] = l
	}
	return layers, nil
}

// maxTOML bounds the files a buildpack may leave (they are untrusted).
const maxTOML = 4 << 20

func decodeFile(file string, v any) error {
	info, err := os.Lstat(file)
	if err != nil {
		return fmt.Errorf("reading %q: %w", filepath.Base(file), err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxTOML {
		return fmt.Errorf("reading %q: not a regular file of at most %d bytes", filepath.Base(file), maxTOML)
	}
	if _, err := toml.DecodeFile(file, v); err != nil {
		return fmt.Errorf("reading %q: %w", filepath.Base(file), err)
	}
	return nil
}

// restored is what one buildpack finds from the former build.
type restored struct {
	layers map[string]layerFile
	aside  string // where the files of launch-only layers wait
}

// restore prepares one buildpack's layers directory by the table in the package comment. Types are
// never restored: the buildpack states them anew.
func restore(dir, aside string) (restored, error) {
	r := restored{aside: aside}
	if err := mkdirs(dir, aside); err != nil {
		return r, err
	}
	var err error
	if r.layers, err = readLayers(dir); err != nil {
		// Whatever damaged the metadata, the layers cannot be relied on: a build from nothing is
		// right, a broken one is not.
		r.layers = nil
		return r, empty(dir)
	}
	for name, l := range r.layers {
		path := filepath.Join(dir, name)
		switch {
		case l.Types.Cache:
		case l.Types.Launch && !l.Types.Build:
			if err := os.Rename(path, filepath.Join(aside, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return r, fmt.Errorf("setting layer %q aside: %w", name, err)
			}
		default:
			delete(r.layers, name)
			if err := errors.Join(disk.RemoveAll(path), removeIfThere(path+".toml")); err != nil {
				return r, err
			}
			continue
		}
		if err := writeTOML(path+".toml", layerFile{Metadata: l.Metadata}); err != nil {
			return r, err
		}
	}
	return r, errors.Join(
		removeIfThere(filepath.Join(dir, "launch.toml")),
		removeIfThere(filepath.Join(dir, "build.toml")),
	)
}

// collect reads the layers after the build, brings launch-only layers back that were declared again
// without files, and removes what was not declared.
func (r restored) collect(id, dir string, fresh, broken bool) (map[string]layerFile, []LayerState, error) {
	now, err := readLayers(dir)
	if err != nil {
		return nil, nil, err
	}
	names := make([]string, 0, len(now))
	for name, l := range now {
		names = append(names, name)
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && l.Types.Launch {
			if err := os.Rename(filepath.Join(r.aside, name), path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, nil, fmt.Errorf("bringing layer %q back: %w", name, err)
			}
		}
	}
	sort.Strings(names)
	var states []LayerState
	for _, name := range names {
		state, why := r.state(name, now[name], fresh, broken)
		states = append(states, LayerState{Layer: id + ":" + name, State: state, Why: why})
	}
	return now, states, r.sweep(dir, now)
}

// sweep removes layer directories without metadata.
func (r restored) sweep(dir string, now map[string]layerFile) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("listing layers: %w", err)
	}
	for _, e := range entries {
		if _, declared := now[e.Name()]; e.IsDir() && !declared {
			if err := disk.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// state compares a layer's metadata with what was restored and says what differs.
func (r restored) state(name string, now layerFile, fresh, broken bool) (state, why string) {
	was, ok := r.layers[name]
	switch {
	case fresh:
		return "created", "a build from nothing was asked for"
	case !ok && broken:
		return "created", "the last build was broken off"
	case !ok:
		return "created", "not in the cache"
	}
	keys := map[string]bool{}
	for k := range was.Metadata {
		keys[k] = true
	}
	for k := range now.Metadata {
		keys[k] = true
	}
	var changed []string
	for k := range keys {
		if !reflect.DeepEqual(was.Metadata[k], now.Metadata[k]) {
			changed = append(changed, k)
		}
	}
	if len(changed) == 0 {
		return "restored", "unchanged"
	}
	sort.Strings(changed)
	k := changed[0]
	if a, b := fmt.Sprint(was.Metadata[k]), fmt.Sprint(now.Metadata[k]); len(a)+len(b) < 80 && was.Metadata[k] != nil &&
		now.Metadata[k] != nil {
		return "rebuilt", fmt.Sprintf("%s changed from %s to %s", k, a, b)
	}
	return "rebuilt", strings.Join(changed, ", ") + " changed"
}

func writeTOML(file string, v any) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("writing layer metadata: %w", err)
	}
	if err := errors.Join(toml.NewEncoder(f).Encode(v), f.Close()); err != nil {
		return fmt.Errorf("writing %q: %w", filepath.Base(file), err)
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %q: %w", path, err)
	}
	return nil
}

// empty empties a directory.
func empty(dir string) error {
	if err := disk.RemoveAll(dir); err != nil {
		return err
	}
	return mkdirs(dir)
}
