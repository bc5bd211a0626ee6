package golang

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
	"slugc/detect"
)

// work is one build, from [start] to the result. Its steps run one after the other.
type work struct {
	ctx    context.Context
	cnb    libcnb.BuildContext
	dir    string // the app's root
	home   string // a private HOME, removed at the end
	app    *detect.GoApp
	wants  []toolchain.Request
	env    *environment
	flags  string // GOFLAGS as the user or the platform gave it, before ours were put in front
	say    *command.Log
	goTool toolchain.Toolchain
	mains  []mainPackage

	buildCache, modules, binaries string          // layer directories
	downloaded                    bool            // the module cache has grown
	used                          map[string]bool // the modules in the binaries, as the module cache names them

	result libcnb.BuildResult
}

func start(ctx context.Context, cnb libcnb.BuildContext, environ []string, out io.Writer) (*work, error) {
	found, err := detect.ForGo(detect.Input{FS: os.DirFS(cnb.ApplicationPath), Env: cnb.Platform.Environment})
	if err != nil {
		return nil, fmt.Errorf("detecting: %w", err)
	}
	app, ok := found.App.(*detect.GoApp)
	if !found.Pass || !ok {
		return nil, errors.New("building: this is no Go app")
	}
	b := &work{
		ctx:    ctx,
		cnb:    cnb,
		dir:    cnb.ApplicationPath,
		app:    app,
		say:    &command.Log{Out: out},
		result: libcnb.NewBuildResult(),
	}
	for _, r := range found.Requires {
		if r.Tool == "go" {
			b.wants = append(
				b.wants,
				toolchain.Request{Tool: r.Tool, Constraint: r.Constraint, From: r.From, Hash: r.Hash},
			)
		}
	}
	b.env = newEnvironment(environ, cnb.Platform.Environment, b.dir)
	b.say.Secrets, b.flags = b.env.secrets, b.env.vars["GOFLAGS"]
	if b.home, err = os.MkdirTemp("", "go-home-"); err != nil {
		return nil, fmt.Errorf("making a private home: %w", err)
	}
	return b, nil
}

// end removes what the build leaves outside of its layers.
func (b *work) end() { os.RemoveAll(b.home) }

// layer returns the directory of a layer, made where it is missing, and adds the layer to the
// result.
func (b *work) layer(name string, types libcnb.LayerTypes) (string, error) {
	layer, err := language.OpenLayer(b.cnb.Layers, name)
	if err != nil {
		return "", err
	}
	layer.LayerTypes = types
	b.result.Layers = append(b.result.Layers, layer)
	return layer.Path, nil
}

// layerOf is a layer that [work.layer] has added, to be changed in place.
func (b *work) layerOf(name string) *libcnb.Layer {
	i := slices.IndexFunc(b.result.Layers, func(l libcnb.Layer) bool { return l.Name == name })
	return &b.result.Layers[i]
}

// setUp makes the cache layers and the go command's environment. Nothing of the machine's or of a
// former user's settings reaches it: GOENV is off, HOME is private, and a go.work or go.mod above
// the app is not looked for.
func (b *work) setUp() error {
	var err [3]error
	b.buildCache, err[0] = b.layer("build-cache", libcnb.LayerTypes{Cache: true})
	gopath, bad := b.layer("modules", libcnb.LayerTypes{Cache: true})
	b.modules, err[1] = filepath.Join(gopath, "pkg", "mod"), bad
	b.binaries, err[2] = b.layer("binaries", libcnb.LayerTypes{Cache: true})
	if err := errors.Join(err[:]...); err != nil {
		return err
	}
	if err := quietTelemetry(b.home); err != nil {
		return fmt.Errorf("making a private home: %w", err)
	}
	gowork := "off"
	if b.app.Workspace {
		gowork = filepath.Join(b.dir, "go.work")
	}
	for name, value := range map[string]string{
		"HOME":       b.home,
		"GOWORK":     gowork,
		"GOPATH":     gopath, // what the checksum database has told is kept here too
		"GOBIN":      b.binaries,
		"GOMODCACHE": b.modules,
		"GOFLAGS":    b.goFlags(),
		"PWD":        b.dir,
	} {
		b.env.set(name, value)
	}
	b.env.compiler(b.goTool.Dir, b.buildCache)
	b.env.prepend(filepath.Join(b.goTool.Dir, "bin"))
	if !b.env.target(b.cnb.TargetInfo.OS, b.cnb.TargetInfo.Arch) {
		b.say.Detail("There is no C compiler for %s on this machine, so cgo is off", b.env.vars["GOARCH"])
	}
	return nil
}

// quietTelemetry turns the go command's local counters off, which would be thrown away with the
// home and may leave a process behind.
func quietTelemetry(home string) error {
	dir := filepath.Join(home, ".config", "go", "telemetry")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "mode"), []byte("off"), 0o600)
}
