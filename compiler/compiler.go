// Package compiler turns a source tree into a slug and a release. [Engine.Compile] is the sentence
//
//	source → detect → buildpacks (layers through the cache) → slug → release
//
// and nothing else: each stage's product is the next stage's argument.
package compiler

import (
	"context"
	"errors"
	"time"

	"slugc/buildpacks/toolchain"
	"slugc/cache"
	"slugc/compiler/artifact"
	"slugc/compiler/coordinator"
	"slugc/compiler/deploy"
	"slugc/compiler/report"
	"slugc/compiler/sandbox"
	"slugc/compiler/slug"
	"slugc/compiler/source"
	"slugc/detect"
)

// Engine is what every build on this machine shares. Its functions are called only when a build
// needs what they give, so that a build that needs nothing costs nothing. One Engine may run builds
// of different apps concurrently; builds of one app queue on its lock.
type Engine struct {
	Version     string // slugc's own
	Self        string // path of the slugc binary, which is also every built-in buildpack's bin/build
	Home        *cache.Home
	Sandbox     func(context.Context) (*sandbox.Sandbox, error)
	Toolchains  func(context.Context) (*toolchain.Store, error)
	Coordinator func(context.Context) (coordinator.Coordinator, error)
	// Store opens the store where other machines find the slugs of releases. If it is nil or returns
	// nil, slugs stay in the state directory only.
	Store artifact.Opener
	// the lock that builder machines share; nil: there is no other machine
	Builders func(context.Context) (coordinator.Locker, error)
	// BaseEnv gives the environment that the buildpacks of these languages start with, and the
	// files it names.
	BaseEnv func(context.Context, []detect.Language) (map[string]string, []sandbox.Bind, error)
	Target  Target
	Report  report.Reporter
}

// Target is the machine that is built for.
type Target struct{ OS, Arch, Distro, DistroVersion string }

// Request is one build.
type Request struct {
	App      string
	Source   source.Spec
	Env      map[string]string // build configuration; reaches buildpacks and their tools, never the slug
	Fresh    bool              // ignore the record and the kept layers
	Output   string            // where the slug is also to be; "" leaves it in the state directory only
	Lenient  bool              // a faulty Procfile line is a warning
	Limit    int64             // bytes of the slug; 0: none
	Limits   sandbox.Limits    // of each buildpack
	Register bool
	Message  string // the release's description; "" gives one
	Deploy   deploy.Options
	// BeforeBuild is nil, or called when the build holds the app's lock. Its error ends the build.
	BeforeBuild func(context.Context) error
}

// Phase is a stage of the sentence and how long it took.
type Phase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// Compile builds, packs and registers. A nil error means that everything asked for was done. With
// the slug built but not registered, both the Result and an error are returned, and the slug is
// kept.
func (e *Engine) Compile(ctx context.Context, req Request) (*Result, error) {
	b := &build{Engine: e, Request: req, started: time.Now()}
	unlock, err := b.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if req.BeforeBuild != nil {
		if err := req.BeforeBuild(ctx); err != nil {
			return nil, err
		}
	}
	src, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if result := b.recorded(src); result != nil {
		return b.finish(ctx, result)
	}
	defer b.claim(ctx)()
	tree, err := b.stage(ctx, src)
	if err != nil {
		return nil, err
	}
	defer b.abandon()
	group, err := b.detect(ctx, tree)
	if err != nil {
		return nil, err
	}
	layers, err := b.run(ctx, group)
	if err != nil {
		return nil, err
	}
	packed, err := b.pack(ctx, group, layers)
	if errors.Is(err, slug.ErrKept) {
		layers, packed, err = b.again(ctx, src, group)
	}
	if err != nil {
		return nil, err
	}
	result, err := b.keep(src, group, layers, packed)
	if err != nil {
		return nil, err
	}
	return b.finish(ctx, result)
}
