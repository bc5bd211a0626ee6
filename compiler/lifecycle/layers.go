package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/cache/beneath"
)

// layerFile is the content of ‹layer›.toml.
type layerFile struct {
	Types    libcnb.LayerTypes `toml:"types"`
	Metadata map[string]any    `toml:"metadata,omitempty"`
}

// oldLayerFile has the types where they were before API 0.6, and mean nothing.
type oldLayerFile struct {
	Build  any `toml:"build"`
	Launch any `toml:"launch"`
	Cache  any `toml:"cache"`
}

// notLayers are the names of TOML files that are not a layer's.
var notLayers = map[string]bool{"launch": true, "build": true, "store": true}

// readLayers reads every ‹layer›.toml in a buildpack's layers directory.
func readLayers(dir *beneath.Dir) (map[string]layerFile, error) {
	entries, err := dir.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("listing layers: %w", err)
	}
	layers := map[string]layerFile{}
	for _, entry := range entries {
		if notLayers[entry.Name] && beneath.IsDir(entry.Stat_t) {
			return nil, fmt.Errorf("no layer can be called %q: %s.toml is another file", entry.Name, entry.Name)
		}
		name, isTOML := strings.CutSuffix(entry.Name, ".toml")
		if !isTOML || notLayers[name] || beneath.IsDir(entry.Stat_t) {
			continue
		}
		if name == "" || name == "." || name == ".." {
			return nil, fmt.Errorf("%q does not name a layer", entry.Name)
		}
		var file struct {
			layerFile
			oldLayerFile
		}
		if err := decodeFile(dir, entry.Name, &file); err != nil {
			return nil, err
		}
		if file.oldLayerFile != (oldLayerFile{}) {
			return nil, fmt.Errorf("reading %q: build, launch and cache belong into its table [types]", entry.Name)
		}
		layers[name] = file.layerFile
	}
	return layers, nil
}

// restored is what a buildpack finds from the last build.
type restored struct {
	layers map[string]layerFile
	aside  *beneath.Dir // with the files of launch-only layers
}

// restore prepares a buildpack's layers directory by the rules in the package comment. It does not restore
// types: the buildpack must declare them again. dir and aside must be on one file system.
func restore(dir, aside *beneath.Dir) (restored, error) {
	r := restored{aside: aside}
	var err error
	if r.layers, err = readLayers(dir); err != nil {
		// The metadata is damaged, so the layers are not reliable: build without a cache.
		r.layers = nil
		return r, empty(dir)
	}
	for name, l := range r.layers {
		if l.Types.Cache || l.Types.Launch && !l.Types.Build {
			err = r.keep(dir, name, l)
		} else {
			delete(r.layers, name)
			// The metadata first: a layer without it is not relied on.
			if err = dir.Remove(name + ".toml"); err == nil {
				err = dir.RemoveAll(name)
			}
		}
		if err != nil {
			return r, err
		}
	}
	return r, errors.Join(dir.RemoveAll(launchName), dir.RemoveAll(buildName))
}

// empty removes all that is in a directory.
func empty(dir *beneath.Dir) error {
	entries, err := dir.ReadDir(".")
	for _, e := range entries {
		err = errors.Join(err, dir.RemoveAll(e.Name))
	}
	return err
}

// keep keeps a layer's metadata without its types, and sets the files aside if it is no cache layer.
func (r restored) keep(dir *beneath.Dir, name string, l layerFile) error {
	if !l.Types.Cache {
		if err := dir.Rename(name, r.aside, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("setting layer %q aside: %w", name, err)
		}
	}
	return writeTOML(dir, name+".toml", struct {
		Metadata map[string]any `toml:"metadata,omitempty"`
	}{l.Metadata})
}

// collect reads the layers after the build. It brings back launch-only layers that the buildpack declared
// again without files, and removes directories without metadata.
func (r restored) collect(dir *beneath.Dir) (map[string]layerFile, error) {
	layers, err := readLayers(dir)
	if err != nil {
		return nil, err
	}
	if err := r.bringBack(dir, layers); err != nil {
		return nil, err
	}
	return layers, removeUndeclared(dir, layers)
}

// bringBack puts the files of launch-only layers in their places again, where the buildpack has declared the
// layer and made no files.
func (r restored) bringBack(dir *beneath.Dir, layers map[string]layerFile) error {
	for name, l := range layers {
		if _, err := dir.Lstat(name); errors.Is(err, fs.ErrNotExist) && l.Types.Launch {
			if err := r.aside.Rename(name, dir, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("bringing layer %q back: %w", name, err)
			}
		}
	}
	return nil
}

// removeUndeclared removes layer directories without metadata, and files that a killed build left unfinished.
func removeUndeclared(dir *beneath.Dir, layers map[string]layerFile) error {
	entries, err := dir.ReadDir(".")
	if err != nil {
		return fmt.Errorf("listing layers: %w", err)
	}
	for _, e := range entries {
		_, declared := layers[e.Name]
		if beneath.IsDir(e.Stat_t) && !declared || strings.HasPrefix(e.Name, beneath.TempPrefix) {
			if err := dir.RemoveAll(e.Name); err != nil {
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
