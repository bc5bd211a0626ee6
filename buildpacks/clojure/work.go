package clojure

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

// work is one build, from [start] to the result. Its steps run one after the other.
type work struct {
	ctx      context.Context
	cnb      libcnb.BuildContext
	dir      string // the app's root
	home     string // a private home, removed at the end
	app      *detect.ClojureApp
	wants    []toolchain.Request
	env      *environment
	say      *command.Log
	mirror   string               // base of the Maven repository that everything comes from, "" for the tools' own
	jdk      toolchain.Toolchain  // Dir is "" where the app brings its own
	builder  *toolchain.Toolchain // Leiningen or the Clojure tools; nil where the app brings its own
	jars     string               // directory of the local Maven repository
	uberjar  string               // relative to the app's root; "" where there is none
	frozen   *frozen              // how the app runs from source; nil with an uberjar
	fetched  []string             // where the jars and directories of the frozen classpath were fetched to
	lastLine string               // what was run last, for people

	result libcnb.BuildResult
}

func start(ctx context.Context, cnb libcnb.BuildContext, environ []string, out io.Writer) (*work, error) {
	found, err := detect.ForClojure(detect.Input{FS: os.DirFS(cnb.ApplicationPath), Env: cnb.Platform.Environment})
	if err != nil {
		return nil, fmt.Errorf("detecting: %w", err)
	}
	app, ok := found.App.(*detect.ClojureApp)
	if !found.Pass || !ok {
		return nil, errors.New("building: this is no Clojure app")
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
		b.wants = append(b.wants, toolchain.Request{Tool: r.Tool, Constraint: r.Constraint, From: r.From, Hash: r.Hash})
	}
	b.env = newEnvironment(environ, cnb.Platform.Environment)
	b.mirror = mirrorOf(environ)
	b.say.Secrets = append(b.env.secrets, password(b.mirror)...)
	if b.home, err = os.MkdirTemp("", "clojure-home-"); err != nil {
		return nil, fmt.Errorf("making a private home: %w", err)
	}
	return b, nil
}

// end removes what the build leaves outside of its layers.
func (b *work) end() { os.RemoveAll(b.home) }

// layer returns a layer, its directory made where it is missing, with the metadata of the last
// build.
func (b *work) layer(name string, types libcnb.LayerTypes) (libcnb.Layer, error) {
	layer, err := language.OpenLayer(b.cnb.Layers, name)
	layer.LayerTypes = types
	return layer, err
}

// java is a program of the JDK's.
func (b *work) java(name string) string { return filepath.Join(b.javaHome(), "bin", name) }

// javaHome is the JDK that the build uses.
func (b *work) javaHome() string {
	if b.jdk.Dir == "" {
		return filepath.Join(b.dir, ".jdk")
	}
	return b.jdk.Dir
}
