package golang

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

// work is one build, from [start] to the result. Its steps run one after the other.
type work struct {
	*language.Build
	home   string // a private HOME, removed at the end
	app    *detect.GoApp
	wants  []detect.Requirement
	env    *environment
	flags  string // GOFLAGS of the user or the platform, without ours
	goTool toolchain.Toolchain
	mains  []mainPackage

	buildCache, modules, binaries string          // layer directories
	downloaded                    bool            // the module cache has grown
	used                          map[string]bool // the modules in the binaries, as the module cache names them
}

func start(frame *language.Build) (*work, error) {
	found, err := frame.Inspect(detect.ForGo)
	if err != nil {
		return nil, fmt.Errorf("detecting: %w", err)
	}
	app, ok := found.App.(*detect.GoApp)
	if !found.Pass || !ok {
		return nil, errors.New("building: this is no Go app")
	}
	b := &work{Build: frame, app: app, wants: found.Requires}
	b.env = newEnvironment(b.Environ, b.CNB.Platform.Environment, b.Dir)
	b.Log.Hide(b.env.secrets...)
	b.flags = b.env.vars["GOFLAGS"]
	if b.home, err = b.TempDir(); err != nil {
		return nil, err
	}
	return b, nil
}

// end removes what the build leaves outside its layers.
func (b *work) end() { _ = os.RemoveAll(b.home) }

// layer adds a layer to the result, its directory made where it is missing, and returns the
// directory. The go command may be killed while it writes to a cache: it finds what is not whole.
func (b *work) layer(name string, types libcnb.LayerTypes) (string, error) {
	layer, err := b.Layer(name)
	if err != nil {
		return "", err
	}
	b.Contribute(layer, types)
	return layer.Path, nil
}

// setUp makes the cache layers and the go command's environment. No setting of the machine or of
// another user reaches the go command: GOENV is off, HOME is private, and no go.work or go.mod
// above the app is looked for, except the go.work of a member.
func (b *work) setUp() error {
	kept := libcnb.LayerTypes{Cache: true}
	var err error
	if b.buildCache, err = b.layer("build-cache", kept); err != nil {
		return err
	}
	gopath, err := b.layer("modules", kept)
	if err != nil {
		return err
	}
	b.modules = filepath.Join(gopath, "pkg", "mod")
	if b.binaries, err = b.layer("binaries", kept); err != nil {
		return err
	}
	if err := disableTelemetry(b.home); err != nil {
		return fmt.Errorf("making a private home: %w", err)
	}
	gowork := "off"
	switch {
	case b.app.Workspace:
		gowork = filepath.Join(b.Dir, "go.work")
	case b.app.Around != "":
		gowork = b.Path(b.app.Around)
	}
	for name, value := range map[string]string{
		"HOME":       b.home,
		"GOWORK":     gowork,
		"GOPATH":     gopath, // also keeps what the checksum database answered
		"GOBIN":      b.binaries,
		"GOMODCACHE": b.modules,
		"GOFLAGS":    b.goFlags(modFlag(b.goTool.Version, b.vendored())...),
		"GOPROXY":    proxyFor(b.goTool.Version, b.env.vars["GOPROXY"]),
		"PWD":        b.Dir,
	} {
		b.env.vars[name] = value
	}
	b.env.setCompiler(b.goTool.Dir, b.buildCache)
	b.env.vars.Prepend("PATH", filepath.Join(b.goTool.Dir, "bin"))
	if !b.env.setTarget(b.CNB.TargetInfo.OS, b.CNB.TargetInfo.Arch) {
		b.Log.Detail("There is no C compiler for %s on this machine, so cgo is off", b.env.vars["GOARCH"])
	}
	return nil
}

// disableTelemetry turns off the go command's local counters. They would be thrown away with the
// home and may leave a process behind.
func disableTelemetry(home string) error {
	dir := filepath.Join(home, ".config", "go", "telemetry")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "mode"), []byte("off"), 0o600)
}
