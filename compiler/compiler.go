// Package compiler turns a source tree into a slug and a release. [Engine.Compile] is the sentence
//
//	source → detect → buildpacks → slug → release
//
// and each stage takes what the stages before returned:
//
//	stage          source.Source                 → Staged  a private copy of the source
//	detect         Staged                        → Group   the buildpacks, and why
//	runBuildpacks  Staged, Group                 → Built   layers, slices, process types
//	pack           Staged, Group, Built          → Packed  the slug's file
//	keep           Staged, Group, Built, Packed  → Result  the slug in its place, and a record
//	release        Result                        → Result  the app's current release
//
// A build of what the record of the last one names skips all but the last stage. An [Engine] is a
// machine that builds, a [Request] one build:
//
//	result, err := engine.Compile(ctx, compiler.Request{
//		App:    "blog",
//		Source: source.Spec{Kind: source.Dir, Dir: "/srv/blog"},
//	})
//
// What a stage does is written in the packages below; this one only connects them. It knows no
// language by name: see package buildpacks.
package compiler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slugc/buildpacks"
	"slugc/buildpacks/reference"
	"slugc/buildpacks/toolchain"
	"slugc/cache"
	"slugc/cache/disk"
	"slugc/compiler/artifact"
	"slugc/compiler/coordinator"
	"slugc/compiler/deploy"
	"slugc/compiler/lifecycle"
	"slugc/compiler/release"
	"slugc/compiler/report"
	"slugc/compiler/sandbox"
	"slugc/compiler/slug"
	"slugc/compiler/source"
)

// Engine is what every build on this machine shares. Its functions are called only when a build
// needs their result. One Engine may run builds of different apps concurrently; builds of one app
// wait for each other.
type Engine struct {
	Version     string // slugc's own, and its commit
	Self        string // path of the slugc binary, which is also every built-in buildpack's bin/build
	Home        *cache.Home
	Sandbox     func(context.Context) (*sandbox.Sandbox, error)
	Coordinator func(context.Context) (coordinator.Coordinator, error)
	// Toolchains opens the store of toolchains, which fetches nothing if offline. settings are as for BaseEnv.
	Toolchains func(ctx context.Context, settings []string, offline bool) (*toolchain.Store, error)
	// OpenStore opens the store where other machines find the slugs of releases. If it is nil or
	// returns nil, slugs stay in the state directory only.
	OpenStore artifact.Opener
	// Builders returns the lock that builder machines share. It is nil if there is one machine only.
	Builders func(context.Context) (coordinator.Locker, error)
	// BaseEnv returns the environment of the buildpacks' processes and the files that it names.
	// settings are the machine's variables that the group's buildpacks read besides.
	BaseEnv func(ctx context.Context, settings []string) (map[string]string, []sandbox.Bind, error)
	// References is how buildpacks that are not built in are fetched.
	References reference.Options
	Target     lifecycle.Target
	Report     report.Reporter
	// Upkeep keeps the state directory within its bounds. It may be nil.
	Upkeep Upkeep
}

// Upkeep is told of builds that do something, before they take the app's lock and after they have released it.
type Upkeep interface {
	Before(ctx context.Context, app string)
	After(ctx context.Context, app string)
}

// Request is one build.
type Request struct {
	App    string
	Source source.Spec
	Env    map[string]string // build configuration; reaches buildpacks and their tools, never the slug
	// Buildpacks are those that build the app, in order; with none, the app's files and detection decide.
	Buildpacks []Asked
	Stack      string            // STACK for buildpacks that ask for it: "heroku-24"; "" for the machine's distribution
	Bindings   []string          // directories of service bindings, for buildpacks
	Fresh      bool              // ignore the record and the kept layers
	Output     string            // the slug's file; "" leaves the slug in the state directory only
	Lenient    bool              // a faulty Procfile line is a warning
	Limit      int64             // bytes of the slug; 0: none
	Limits     sandbox.Limits    // of each buildpack
	Network    lifecycle.Network // which steps have the network; without any, nothing is fetched either
	Register   bool
	Message    string // the release's description; "" for a default
	// Push is the id of the push that is built, "" if it is none. What its build leaves is used by later
	// builds only after [cache.App.Accept].
	Push   string
	Deploy deploy.Options
	// BeforeBuild is nil, or called when the build holds the app's lock. Its error ends the build.
	BeforeBuild func(context.Context) error
}

// build is what all stages of one Compile share: the machine, its sandbox, the request and the clock. What a
// stage produces is not in here.
type build struct {
	*Engine
	Request
	clock  *clock
	state  *cache.App
	ahead  *boxAhead
	taken  *reference.Store // open as soon as a buildpack is used that is not built in
	worked bool             // it does more than to return the recorded slug
}

// app is the state of the app that is built.
func (b *build) app() *cache.App { return b.state }

// segments opens the compressed segments of the app's last slugs.
func (b *build) segments() (*slug.Store, error) { return slug.OpenStore(b.app().Path("segments")) }

// sharedSegments opens the compressed segments of what all apps run on.
func (e *Engine) sharedSegments() (*slug.Store, error) {
	return slug.OpenShared(e.Home.Path("segments"))
}

// platform is what the slug is built for: "linux/amd64".
func (b *build) platform() string { return b.Target.OS + "/" + b.Target.Arch }

// Compile builds, packs and releases. A nil error means that everything requested was done. If the
// slug was built and not released, both the Result and an error are returned, and the slug is kept.
func (e *Engine) Compile(ctx context.Context, req Request) (*Result, error) {
	if err := release.CheckApp(req.App); err != nil {
		return nil, err
	}
	state, err := e.Home.App(req.App)
	if err != nil {
		return nil, err
	}
	b := &build{Engine: e, Request: req, clock: newClock(), state: state}
	done := b.begin(ctx)
	defer done()
	unlock, err := b.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	src, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	result := b.unchanged(ctx, src)
	if result == nil {
		b.worked = true
		if result, err = b.makeSlug(ctx, src); err != nil {
			return nil, err
		}
	}
	return b.release(ctx, result)
}

// begin makes room for the build. The function returned sees to what it leaves.
func (b *build) begin(ctx context.Context) (done func()) {
	if b.Upkeep == nil {
		return func() {}
	}
	b.Upkeep.Before(ctx, b.App)
	return func() {
		if b.worked && ctx.Err() == nil {
			b.Upkeep.After(ctx, b.App)
		}
	}
}

// makeSlug is the sentence from the source to the slug. Whatever fails, the layers of the last build
// are kept for the next.
func (b *build) makeSlug(ctx context.Context, src *source.Source) (result *Result, err error) {
	defer b.lockBuilders(ctx)()
	defer b.prepareSandbox(ctx)()
	defer func() { err = b.locate(err) }()
	staged, err := b.stage(ctx, src)
	if err != nil {
		return nil, err
	}
	defer func() { err = b.abandon(staged, err) }() // after keep there is nothing left to abandon
	defer b.closeReferences()
	group, err := b.detect(ctx, staged)
	if err != nil {
		return nil, err
	}
	offline := b.network(group.Described) == lifecycle.NoNetwork
	store, err := b.Toolchains(ctx, buildpacks.Settings(group.Chosen), offline)
	if err != nil {
		return nil, err
	}
	lease := store.Lease(progress{b.Report})
	defer lease.Release()
	if group.hasChoice() {
		if err := src.Keep(staged.Tree.Root); err != nil {
			return nil, err
		}
	}
	built, err := b.runBuildpacks(ctx, staged, group, lease, reuseSlices)
	if newer, tool, ok := group.newerFor(err); ok {
		group = newer
		staged, built, err = b.buildNewer(ctx, src, staged, group, lease, tool, err)
	}
	if err != nil {
		return nil, err
	}
	packed, err := b.pack(ctx, staged, group, built)
	if errors.Is(err, slug.ErrNotKept) {
		staged, built, packed, err = b.rebuild(ctx, src, staged, group, lease)
	}
	if err != nil {
		return nil, err
	}
	return b.keep(src, staged, group, built, packed)
}

// locate adds where the app's state is to the error of a machine in trouble that names no path or one that
// only the build sees.
func (b *build) locate(err error) error {
	dir := b.app().Path()
	if t, ok := disk.TroubleOf(err); ok && !strings.HasPrefix(t.Path, b.Home.Path()) {
		return fmt.Errorf("%w (below %s)", err, dir)
	}
	return err
}

// rebuild repeats the stages from staged on with every file on disk, after a kept section of the last
// slug turned out to be damaged.
func (b *build) rebuild(
	ctx context.Context, src *source.Source, damaged Staged, group Group, lease *toolchain.Lease,
) (Staged, Built, Packed, error) {
	b.Report.Warn("a part kept from the last slug is damaged; it is built again")
	staged, built, err := b.buildAgain(ctx, src, damaged, group, lease, allFiles)
	if err != nil {
		return staged, Built{}, Packed{}, err
	}
	packed, err := b.pack(ctx, staged, group, built)
	return staged, built, packed, err
}

// buildAgain repeats the stages from staged on, up to the buildpacks.
func (b *build) buildAgain(
	ctx context.Context, src *source.Source, last Staged, group Group, lease *toolchain.Lease, mode sliceMode,
) (Staged, Built, error) {
	if err := last.Dirs.Abort(); err != nil {
		return last, Built{}, err
	}
	staged, err := b.stage(ctx, src)
	if err != nil {
		return last, Built{}, err
	}
	built, err := b.runBuildpacks(ctx, staged, group, lease, mode)
	return staged, built, err
}

// Phase is a stage of the sentence and how long it took.
type Phase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// clock measures the phases of a build.
type clock struct {
	started time.Time
	last    time.Time // end of the last phase
	phases  []Phase
}

func newClock() *clock {
	now := time.Now()
	return &clock{started: now, last: now}
}

// mark ends a phase.
func (c *clock) mark(name string) {
	now := time.Now()
	c.phases = append(c.phases, Phase{Name: name, Seconds: now.Sub(c.last).Seconds()})
	c.last = now
}
