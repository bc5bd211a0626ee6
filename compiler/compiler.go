// Package compiler turns a source tree into a slug and a release. [Engine.Compile] is the sentence
//
//	source → detect → buildpacks (layers through the cache) → slug → release
//
// and nothing else: each stage's product is the next stage's argument.
package compiler

import (
	"context"
	"errors"
	"io"
	"time"

	"slugc/buildpacks/toolchain"
	"slugc/cache"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/coordinator"
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
	// Store gives where releases' slugs are put for other machines; nil, or giving nil, leaves them
	// in the state directory only.
	Store func(context.Context) (blobstore.Store, error)
	// the lock that builder machines share; nil: there is no other machine
	Builders func(context.Context) (coordinator.Locker, error)
	// BaseEnv gives the environment that the buildpacks of these languages start with, and the
	// files it names.
	BaseEnv func(context.Context, []detect.Language) (map[string]string, []sandbox.Bind, error)
	Target  Target
	Report  Reporter
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
	Rollout  Rollout
	// nil, or called once the app's lock is held; an error ends the build before it has begun
	Begin func(context.Context) error
}

// Reporter is told what happens, for people. Calls come from one goroutine at a time, except
// Progress, which may come from any.
type Reporter interface {
	Step(text string)                        // a step begins
	Detail(text string)                      // about the step
	Warn(text string)                        // something the app's owner should know
	Output(buildpack string) io.Writer       // what a buildpack says
	Progress(what string, done, total int64) // live; total 0 where unknown
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
	if req.Begin != nil {
		if err := req.Begin(ctx); err != nil {
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
