package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/buildpacks/libcnb/v2"

	"slugc/cache/disk"
)

// layerFile is the content of ‹layer›.toml.
type layerFile struct {
	Types    libcnb.LayerTypes `toml:"types"`
	Metadata map[string]any    `toml:"metadata,omitempty"`
}

// notLayers are the names of TOML files that are not a layer's.
var notLayers = map[string]bool{"launch": true, "build": true, "store": true}

// readLayers reads every ‹layer›.toml in a buildpack's layers directory.
func readLayers(dir string) (map[string]layerFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing layers: %w", err)
	}
	layers := map[string]layerFile{}
	for _, entry := range entries {
		name, isTOML := strings.CutSuffix(entry.Name(), ".toml")
		if !isTOML || notLayers[name] {
			continue
		}
		if name == "" || name == "." || name == ".." {
			return nil, fmt.Errorf("%q does not name a layer", entry.Name())
		}
		var l layerFile
		if err := decodeFile(filepath.Join(dir, entry.Name()), &l); err != nil {
			return nil, err
		}
		layers[name] = l
	}
	return layers, nil
}

// checkDirs returns an error if one of the directories that a buildpack could write is a link or a file.
func checkDirs(dirs ...string) error {
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err == nil && !info.IsDir() {
			err = syscall.ENOTDIR
		}
		if err != nil {
			return fmt.Errorf("opening the layers directory %q: %w", filepath.Base(dir), err)
		}
	}
	return nil
}

// openBelow opens a directory below dir. It follows no link that leads out of dir.
func openBelow(dir, rel string) (*os.Root, error) {
	parent, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	return parent.OpenRoot(rel)
}

// restored is what a buildpack finds from the last build.
type restored struct {
	layers map[string]layerFile
	aside  string // the directory with the files of launch-only layers
}

// restore prepares a buildpack's layers directory by the rules in the package comment. It does not restore
// types: the buildpack must declare them again. dir and aside must be on one file system.
func restore(dir, aside string) (restored, error) {
	r := restored{aside: aside}
	if err := mkdirs(dir, aside); err != nil {
		return r, err
	}
	var err error
	if r.layers, err = readLayers(dir); err != nil {
		// The metadata is damaged, so the layers are not reliable: build without a cache.
		r.layers = nil
		return r, errors.Join(disk.RemoveAll(dir), mkdirs(dir))
	}
	for name, l := range r.layers {
		if l.Types.Cache || l.Types.Launch && !l.Types.Build {
			err = r.keep(dir, name, l)
		} else {
			delete(r.layers, name)
			path := filepath.Join(dir, name)
			err = errors.Join(disk.RemoveAll(path), removeFile(path+".toml"))
		}
		if err != nil {
			return r, err
		}
	}
	return r, errors.Join(removeFile(filepath.Join(dir, "launch.toml")), removeFile(filepath.Join(dir, "build.toml")))
}

// keep keeps a layer's metadata without its types, and sets the files aside if it is no cache layer.
func (r restored) keep(dir, name string, l layerFile) error {
	path := filepath.Join(dir, name)
	if !l.Types.Cache {
		if err := os.Rename(path, filepath.Join(r.aside, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("setting layer %q aside: %w", name, err)
		}
	}
	return writeTOML(path+".toml", layerFile{Metadata: l.Metadata})
}

// collect reads the layers after the build. It brings back launch-only layers that the buildpack declared
// again without files, and removes directories without metadata.
func (r restored) collect(dir string) (map[string]layerFile, error) {
	layers, err := readLayers(dir)
	if err != nil {
		return nil, err
	}
	for name, l := range layers {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && l.Types.Launch {
			if err := os.Rename(filepath.Join(r.aside, name), path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("bringing layer %q back: %w", name, err)
			}
		}
	}
	return layers, removeUndeclared(dir, layers)
}

// removeUndeclared removes layer directories without metadata.
func removeUndeclared(dir string, layers map[string]layerFile) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("listing layers: %w", err)
	}
	for _, e := range entries {
		if _, declared := layers[e.Name()]; e.IsDir() && !declared {
			if err := disk.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// states compares a buildpack's layers with those restored for it, by name.
func (c Config) states(m Member, before, after map[string]layerFile) (states []LayerState) {
	for _, name := range slices.Sorted(maps.Keys(after)) {
		s := LayerState{Layer: m.Info.ID + ":" + name, State: "created"}
		old, restored := before[name]
		switch {
		case c.Fresh:
			s.Why = "a build from nothing was asked for"
		case !restored && c.Interrupted:
			s.Why = "the last build was interrupted"
		case !restored:
			s.Why = "not in the cache"
		default:
			s.State, s.Why = "restored", "unchanged"
			if changed := changedKeys(old.Metadata, after[name].Metadata); len(changed) > 0 {
				s.State, s.Why = "rebuilt", describeChange(changed, old.Metadata, after[name].Metadata)
			}
		}
		states = append(states, s)
	}
	return states
}

// changedKeys returns the keys with different values, sorted.
func changedKeys(before, after map[string]any) (changed []string) {
	all := maps.Clone(before)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, after)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if !sameValue(before[key], after[key]) {
			changed = append(changed, key)
		}
	}
	return changed
}

// sameValue reports whether two values of TOML are the same. TOML has two notations for a list of tables,
// which decode into different types, and a NaN is not equal to itself.
func sameValue(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	if errX != nil || errY != nil {
		return fmt.Sprint(a) == fmt.Sprint(b)
	}
	return bytes.Equal(x, y)
}

// describeChange names the first of the changed keys with its values, or all keys if the values are long.
func describeChange(changed []string, before, after map[string]any) string {
	const most = 80 // bytes of both values
	key := changed[0]
	from, to := fmt.Sprint(before[key]), fmt.Sprint(after[key])
	if before[key] != nil && after[key] != nil && len(from)+len(to) < most {
		return fmt.Sprintf("%s changed from %s to %s", key, from, to)
	}
	return strings.Join(changed, ", ") + " changed"
}
