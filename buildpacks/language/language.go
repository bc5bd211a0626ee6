// Package language is what the buildpacks of the languages do alike where they meet the platform:
// they wrap a detector, open layers, fetch toolchains where the platform has not, and hand over
// what is wrong with the app.
package language

import (
	"errors"
	"fmt"
	"os"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/detect"
)

// Detect asks a detector about the app of a build.
func Detect(ctx libcnb.DetectContext, detector func(detect.Input) (detect.Result, error)) (detect.Result, error) {
	found, err := detector(detect.Input{FS: os.DirFS(ctx.ApplicationPath), Env: ctx.Platform.Environment})
	if err != nil {
		return detect.Result{}, fmt.Errorf("detecting: %w", err)
	}
	return found, nil
}

// Plan is the plan of a buildpack that provides name and requires nothing else.
func Plan(name string) libcnb.BuildPlan {
	return libcnb.BuildPlan{
		Provides: []libcnb.BuildPlanProvide{{Name: name}},
		Requires: []libcnb.BuildPlanRequire{{Name: name}},
	}
}

// Failed makes an error of a build what the contract wants: a fault of the app's, whether a
// detector or a step of the build has found it, becomes a [*diagnosis.Diagnosis] and is written to
// file, the value of [diagnosis.Env]; "" where the platform names none.
func Failed(err error, file string) error {
	if wrong, ok := errors.AsType[*detect.Error](err); ok {
		err = &diagnosis.Diagnosis{ID: wrong.ID, Summary: wrong.Summary, Place: wrong.Place, Hints: wrong.Hints}
	}
	if d, ok := errors.AsType[*diagnosis.Diagnosis](err); ok && file != "" {
		err = errors.Join(err, diagnosis.Write(file, d))
	}
	return err
}

// OpenLayer opens a layer and makes sure that its directory exists. Its metadata and files are
// those of the last build.
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
