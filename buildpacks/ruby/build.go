package ruby

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
	"slugc/detect"
)

// work is one build under way.
type work struct {
	ctx          context.Context
	cnb          libcnb.BuildContext
	dir          string // the app's root
	temp         string // for this build alone
	app          *detect.RubyApp
	requires     []detect.Requirement
	gemfile      string // its text
	env          *environment
	say          *command.Log
	ruby         toolchain.Toolchain
	runtime      string            // the layer's directory
	headers      string            // the link to the headers that stands while this build runs
	bundler      string            // the version of Bundler in use
	bundleAt     string            // its program: an app's own bin/bundle is not asked
	launchConfig map[string]string // of the app's .bundle/config, what Bundler reads at launch
	bundle       string            // BUNDLE_PATH
	rake         *rakefile
	result       libcnb.BuildResult
}

// start reads what the build is about.
func start(ctx context.Context, cnb libcnb.BuildContext, environ []string, out io.Writer) (*work, error) {
	b := &work{ctx: ctx, cnb: cnb, dir: cnb.ApplicationPath, result: libcnb.NewBuildResult()}
	found, err := detect.ForRuby(detect.Input{FS: os.DirFS(b.dir), Env: cnb.Platform.Environment})
	if err != nil {
		return nil, err
	}
	app, ok := found.App.(*detect.RubyApp)
	if !ok {
		return nil, errors.New("reading the app: it is no Ruby app")
	}
	b.app, b.requires = app, found.Requires
	text, err := readIn(b.dir, app.Gemfile)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", app.Gemfile, err)
	}
	b.gemfile = string(text)
	b.env = newEnvironment(environ, cnb.Platform.Environment, b.gemfile)
	b.say = &command.Log{Out: out, Secrets: b.env.secrets}
	b.temp, err = os.MkdirTemp("", "slugc-ruby-*")
	if err != nil {
		return nil, fmt.Errorf("making a temporary directory: %w", err)
	}
	return b, nil
}

// end removes what is of use to this build alone.
func (b *work) end() error {
	err := os.RemoveAll(b.temp)
	if b.headers != "" {
		err = errors.Join(err, os.Remove(b.headers))
	}
	return err
}

// path is a slash-separated path of the app as a path of the machine.
func (b *work) path(rel string) string { return filepath.Join(b.dir, filepath.FromSlash(rel)) }

// layer opens a layer whose files may be relied on: one without metadata is left over from a build
// that was broken off, and is emptied.
func (b *work) layer(name string) (libcnb.Layer, error) {
	layer, err := language.OpenLayer(b.cnb.Layers, name)
	if err == nil && len(layer.Metadata) == 0 {
		return language.EmptyLayer(layer)
	}
	return layer, err
}

// everything are the types of a layer that serves the build, the launch and the next build.
var everything = libcnb.LayerTypes{Build: true, Launch: true, Cache: true}

// contribute adds a layer to the result.
func (b *work) contribute(layer libcnb.Layer, types libcnb.LayerTypes) {
	layer.LayerTypes = types
	b.result.Layers = append(b.result.Layers, layer)
}

// requirement is what the app asks of a tool.
func (b *work) requirement(tool string) detect.Requirement {
	for _, r := range b.requires {
		if r.Tool == tool {
			return r
		}
	}
	return detect.Requirement{Tool: tool, From: "default"}
}

// maxManifest bounds the files of the app that are read whole.
const maxManifest = 16 << 20

// readIn reads a regular file below dir, following no link out of it.
func readIn(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxManifest {
		return nil, fmt.Errorf("not a regular file of at most %d bytes", maxManifest)
	}
	return root.ReadFile(filepath.FromSlash(name))
}
