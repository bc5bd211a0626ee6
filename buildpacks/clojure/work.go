package clojure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
	"slugc/detect"
)

// work is the state of one build.
type work struct {
	*language.Build
	home         string // a private home, removed at the end
	app          *detect.ClojureApp
	requests     []toolchain.Request
	env          *environment
	mirror       string               // URL of the machine's Maven repository; "" if there is none
	jdk          toolchain.Toolchain  // Dir is "" if the app has its own
	builder      *toolchain.Toolchain // Leiningen or the Clojure tools; nil if the app has its own
	other        *toolchain.Toolchain // the one of the two that the build or the Procfile calls besides, or nil
	jars         string               // directory of the local Maven repository
	created      string               // the jar that Leiningen wrote last, relative to the app's root
	uberjar      string               // relative to the app's root; "" if there is none
	main         string               // the namespace that starts the uberjar where its Main-Class does not
	frozen       *frozen              // how the app runs from its sources; nil with an uberjar
	variants     []*variant           // how the Clojure command starts what the Procfile names
	leinRun      *frozen              // what Leiningen starts in an app that the CLI builds, or nil
	fetched      []string             // jars and directories of the frozen classpath, where they were fetched to
	fetchedAll   bool                 // what runs from now on needs no network
	entries      *entries             // what became of the entries of jars
	entriesLayer libcnb.Layer         // where that is kept
	lastLine     string               // the last command line, for people
}

// start reads what the app is and needs.
func start(frame *language.Build) (*work, error) {
	b := &work{Build: frame}
	found, err := b.Inspect(detect.ForClojure)
	if err != nil {
		return nil, fmt.Errorf("detecting: %w", err)
	}
	app, ok := found.App.(*detect.ClojureApp)
	if !found.Pass || !ok {
		return nil, errors.New("building: this is not a Clojure app")
	}
	b.app = app
	for _, r := range found.Requires {
		b.requests = append(b.requests, language.Request(r))
	}
	b.env = newEnvironment(b.Environ, b.CNB.Platform.Environment)
	b.mirror = mirrorOf(b.Environ)
	b.Log.Hide(append(command.Secrets(b.env.user), password(b.mirror)...)...)
	b.home, err = b.TempDir()
	return b, err
}

// end removes what the build leaves outside its layers.
func (b *work) end() { os.RemoveAll(b.home) }

// java returns the path of a program of the JDK.
func (b *work) java(name string) string { return filepath.Join(b.javaHome(), "bin", name) }

// javaHome is the directory of the JDK that the build uses.
func (b *work) javaHome() string {
	if b.jdk.Dir == "" {
		return filepath.Join(b.Dir, ".jdk")
	}
	return b.jdk.Dir
}
