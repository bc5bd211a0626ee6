package ruby

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
	"slugc/detect"
)

// work is the state of one build.
type work struct {
	*language.Build
	temp         string // a directory that is removed at the end
	app          *detect.RubyApp
	requires     []detect.Requirement
	gemfile      string // content of the Gemfile
	env          *environment
	ruby         toolchain.Toolchain
	runtime      string            // directory of the layer "ruby"
	headers      string            // a link to the headers, which is removed at the end
	bundler      string            // version of the Bundler in use
	bundleAt     string            // path of its program, which is not the app's own bin/bundle
	launchConfig map[string]string // the settings of the app's .bundle/config that Bundler reads at launch
	bundle       string            // BUNDLE_PATH
	rake         *rakefile
	before       *before // what the app had before its tasks ran; nil if none did
	standIn      string  // the DATABASE_URL that the app's tasks get; "" if the build sets none
	lacking      string  // the Bundler of BUNDLED WITH, if it is not available, and why; "" if it is
}

// start reads what the app is and needs.
func start(frame *language.Build) (*work, error) {
	b := &work{Build: frame}
	found, err := b.Inspect(detect.ForRuby)
	if err != nil {
		return nil, err
	}
	app, ok := found.App.(*detect.RubyApp)
	if !ok {
		return nil, errors.New("reading the app: it is not a Ruby app")
	}
	b.app, b.requires = app, found.Requires
	text, err := b.read(app.Gemfile)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", app.Gemfile, err)
	}
	b.gemfile = string(text)
	b.env = newEnvironment(b.Environ, b.CNB.Platform.Environment, b.gemfile)
	b.Log.Hide(b.env.secrets...)
	b.temp, err = b.TempDir()
	return b, err
}

// end removes what only this build needs.
func (b *work) end() error {
	err := os.RemoveAll(b.temp)
	if b.headers != "" {
		err = errors.Join(err, os.Remove(b.headers))
	}
	return err
}

// layer opens a layer. It empties one without metadata, which is left over from a build that
// was killed.
func (b *work) layer(name string) (libcnb.Layer, error) {
	layer, err := b.Layer(name)
	if err == nil && len(layer.Metadata) == 0 {
		return language.EmptyLayer(layer)
	}
	return layer, err
}

// maxManifest is the maximum size in bytes of a file of the app that is read whole.
const maxManifest = 16 << 20

// read reads a regular file of the app, or of what a member uses around it, by its path relative to the app.
func (b *work) read(name string) ([]byte, error) { return readIn(b.Root, b.InSlug(name)) }

// readIn reads a regular file below dir. It follows no link out of dir.
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
