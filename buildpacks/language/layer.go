package language

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"
)

// OpenLayer opens a layer and makes its directory. Its metadata and files are those of the last
// build.
func OpenLayer(layers libcnb.Layers, name string) (libcnb.Layer, error) {
	layer, err := layers.Layer(name)
	if err != nil {
		return layer, fmt.Errorf("opening layer %q: %w", name, err)
	}
	if err := os.MkdirAll(layer.Path, 0o755); err != nil {
		return layer, fmt.Errorf("opening layer %q: %w", name, err)
	}
	return layer, nil
}

// EmptyLayer removes what a layer holds, its metadata and environment included. Its types stay.
func EmptyLayer(layer libcnb.Layer) (libcnb.Layer, error) {
	name, types := layer.Name, layer.LayerTypes
	layer, err := layer.Reset()
	if err != nil {
		return layer, fmt.Errorf("emptying layer %q: %w", name, err)
	}
	layer.LayerTypes = types
	return layer, nil
}

// Same reports whether a restored layer's metadata is what it should be. Values must be comparable.
func Same(have, want map[string]any) bool {
	if len(have) != len(want) {
		return false
	}
	for name, value := range want {
		if have[name] != value {
			return false
		}
	}
	return true
}

// WriteProfile puts a script that is sourced before the app starts into the layer at dir, as
// profile.d/‹name›. A script that is there already is left alone, so that its segment of the slug
// stays.
func WriteProfile(dir, name, script string) error {
	file := filepath.Join(dir, "profile.d", name)
	if old, err := os.ReadFile(file); err == nil && string(old) == script {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("writing the launch script: %w", err)
	}
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		return fmt.Errorf("writing the launch script: %w", err)
	}
	return nil
}
