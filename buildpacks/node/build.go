package node

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/detect"
)

// work is one build under way.
type work struct {
	ctx       context.Context
	cnb       libcnb.BuildContext
	dir       string // the app's root
	app       *detect.NodeApp
	requires  []detect.Requirement
	assisting bool              // another buildpack is primary: no processes, nothing pruned
	slices    map[string]string // what the platform can supply by key
	env       *environment
	say       *command.Log
	node      nodeRuntime
	manager   manager
	store     string // where the package manager keeps what it has downloaded
	deps      dependencies
	result    libcnb.BuildResult
}

// start reads what the build is about: the app's facts, the plan, what the platform brings.
func start(cnb libcnb.BuildContext, environ []string, out io.Writer) (*work, error) {
	b := &work{
		ctx:    context.Background(),
		cnb:    cnb,
		dir:    cnb.ApplicationPath,
		env:    newEnvironment(environ, cnb.Platform.Environment),
		say:    &command.Log{Out: out, Secrets: secrets(cnb.Platform.Environment)},
		result: libcnb.NewBuildResult(),
	}
	if err := b.detect(); err != nil {
		return nil, err
	}
	for _, entry := range cnb.Plan.Entries {
		if assisting, _ := entry.Metadata["assisting"].(bool); entry.Name == planName && assisting {
			b.assisting = true
		}
	}
	var err error
	if b.slices, err = extension.Slices(cnb.Platform.Path); err != nil {
		return nil, err
	}
	return b, nil
}

// detect asks the detector for the app's facts. It runs again after heroku-prebuild, which may
// write an .npmrc.
func (b *work) detect() error {
	found, err := detect.ForNode(detect.Input{FS: os.DirFS(b.dir), Env: b.cnb.Platform.Environment})
	if err != nil {
		return err
	}
	b.requires = found.Requires
	b.app, _ = found.App.(*detect.NodeApp)
	if b.app != nil && b.app.Assisting {
		b.assisting = true
	}
	return nil
}

// path is a slash-separated path of the app as a path of the machine.
func (b *work) path(rel string) string { return filepath.Join(b.dir, filepath.FromSlash(rel)) }

// layer opens a layer and makes sure that its directory exists.
func (b *work) layer(name string) (libcnb.Layer, error) {
	return language.OpenLayer(b.cnb.Layers, name)
}

// contribute adds layer to the result with the given types.
func (b *work) contribute(layer libcnb.Layer, types libcnb.LayerTypes) {
	layer.LayerTypes = types
	b.result.Layers = append(b.result.Layers, layer)
}
