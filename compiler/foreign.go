package compiler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks"
	"slugc/buildpacks/reference"
	"slugc/cache"
	"slugc/compiler/classic"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/sandbox"
	"slugc/detect"
)

// Asked is a buildpack that a build is asked to use.
type Asked struct {
	reference.Ref
	Optional bool
}

// choice is a build's choice among buildpacks that were asked for.
type choice struct {
	*build
	files    fs.FS
	staged   Staged
	verdicts []detect.Verdict
	taken    map[string]reference.Package   // by the buildpack's id
	known    map[string]lifecycle.Buildpack // by id: built-in ones and those that were taken
}

// asked lists the buildpacks that the build is asked to use, in order; none where detection decides.
func (b *build) asked(fs.FS, Staged) ([]Asked, error) { return b.Buildpacks, nil }

// listed makes a group of the buildpacks that were asked for. Each must pass its own detection, and their plans
// must go together.
func (b *build) listed(ctx context.Context, files fs.FS, staged Staged, asked []Asked) (Group, error) {
	c := &choice{
		build: b, files: files, staged: staged,
		taken: map[string]reference.Package{}, known: map[string]lifecycle.Buildpack{},
	}
	list, err := c.take(ctx, asked)
	if err != nil {
		return Group{}, err
	}
	order, err := lifecycle.Expand(list, c.find)
	if err != nil {
		return Group{}, err
	}
	if slices.ContainsFunc(list, func(o lifecycle.Ordered) bool { return o.BuiltIn }) {
		c.verdicts, err = awaited(ctx, func() ([]detect.Verdict, error) {
			return detect.All(detect.Input{FS: files, Member: staged.Member, Env: b.Env}), nil
		})
		if err != nil {
			return Group{}, err
		}
	}
	chosen, err := lifecycle.Choose(ctx, order, c.probe)
	if err != nil {
		return Group{}, err
	}
	return c.group(chosen), nil
}

// take takes the buildpacks from where they are.
func (c *choice) take(ctx context.Context, asked []Asked) (list []lifecycle.Ordered, err error) {
	store, err := c.References(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range asked {
		bp, err := c.takeOne(ctx, store, a)
		if err != nil {
			return nil, err
		}
		list = append(list, lifecycle.Ordered{Buildpack: bp, Optional: a.Optional})
	}
	return list, nil
}

// takeOne takes one buildpack, and those that it consists of.
func (c *choice) takeOne(ctx context.Context, store *reference.Store, a Asked) (lifecycle.Buildpack, error) {
	if a.Kind == reference.BuiltIn {
		bp, ok := c.find(a.ID(), "")
		if !ok {
			return bp, fault.UsageError("buildpack/unknown",
				fmt.Errorf("choosing buildpacks: no buildpack %q is built in", a.ID()),
				"`slugc buildpacks ls` lists those that are",
				"name any other by its directory, archive, git repository or image")
		}
		return bp, nil
	}
	p, err := store.Take(ctx, a.Ref)
	if err != nil {
		return lifecycle.Buildpack{}, err
	}
	if p.Moved != "" {
		c.Report.Warn(fmt.Sprintf("%s leads to %s by now; this build uses %s. `slugc buildpacks add %s` takes the new one.",
			p.Ref, p.Moved, p.Source, p.Ref))
	}
	var first lifecycle.Buildpack
	for i, one := range p.Buildpacks {
		bp, err := loadTaken(one)
		if err != nil {
			return first, err
		}
		if i == 0 {
			first = bp
		}
		c.known[bp.Info.ID], c.taken[bp.Info.ID] = bp, p
	}
	return first, nil
}

// loadTaken reads a buildpack that is not built in.
func loadTaken(b reference.Buildpack) (lifecycle.Buildpack, error) {
	if b.Kind == reference.Classic {
		return lifecycle.LoadClassic(b.Dir, b.ID, b.Version)
	}
	return lifecycle.Load(b.Dir)
}

// find returns the buildpack with an id, and a version where one is named: one that was taken, or else a built-in
// one.
func (c *choice) find(id, version string) (lifecycle.Buildpack, bool) {
	bp, ok := c.known[id]
	if !ok {
		if l, builtIn := buildpacks.ByID(id); builtIn {
			dir, err := l.Materialise(c.Home.Path("buildpacks"), c.Self)
			if err == nil {
				bp, err = lifecycle.Load(dir)
			}
			if ok = err == nil; ok {
				bp.BuiltIn = true
				c.known[id] = bp
			}
		}
	}
	return bp, ok && (version == "" || version == bp.Info.Version)
}

// probe runs a buildpack's detection.
func (c *choice) probe(ctx context.Context, bp lifecycle.Buildpack) lifecycle.Outcome {
	if bp.BuiltIn {
		return c.probeBuiltIn(ctx, bp)
	}
	box, err := c.ahead.sandbox()
	if err != nil {
		return lifecycle.Outcome{Err: err}
	}
	env, binds, err := c.BaseEnv(ctx, nil)
	if err != nil {
		return lifecycle.Outcome{Err: err}
	}
	work := filepath.Join(c.staged.Dirs.Dir, "detect-"+cache.Key(bp.Info.ID)[:12])
	if bp.Classic {
		d, err := classic.Detect(ctx, classic.Config{
			Sandbox: box, ID: bp.Info.ID, Dir: bp.Dir, Work: work, AppDir: c.staged.Dirs.AppDir, Env: env, Vars: c.Env,
			Stack: c.Stack, Binds: binds, Network: c.Network != lifecycle.NoNetwork, Limits: c.Limits,
			Output: c.Report.Output(bp.Info.ID),
		})
		return lifecycle.Outcome{Pass: d.Pass, Output: d.Output, Name: d.Name, Err: err}
	}
	return lifecycle.RunDetect(ctx, lifecycle.DetectConfig{
		Sandbox: box, AppDir: c.staged.Dirs.AppDir, Work: work, Env: c.Env, BaseEnv: env, Binds: binds,
		Limits: c.Limits, Network: c.Network, Target: c.Target,
	}, bp)
}

// probeBuiltIn runs a built-in buildpack's detection.
func (c *choice) probeBuiltIn(ctx context.Context, bp lifecycle.Buildpack) lifecycle.Outcome {
	l, _ := buildpacks.ByID(bp.Info.ID)
	v := detect.Find(c.verdicts, l.Name)
	if v.Err != nil {
		return lifecycle.Outcome{Err: detectFault(v.Err)}
	}
	out := lifecycle.Outcome{Pass: v.Pass, Output: strings.Join(reasonsAgainst(v.Result), "\n")}
	if !v.Pass {
		return out
	}
	platform, err := platformFor(c.staged)
	if err != nil {
		return lifecycle.Outcome{Err: err}
	}
	candidate, err := c.candidate(ctx, c.staged.Tree.Root, platform, l.Name)
	if err != nil {
		return lifecycle.Outcome{Err: err}
	}
	out.Plans = candidate.Plans
	return out
}

// group makes a group of what was chosen, and reports it.
func (c *choice) group(chosen lifecycle.Choice) Group {
	g := Group{Members: chosen.Members, Why: map[string][]string{}, Taken: map[string]reference.Package{}}
	for i, m := range g.Members {
		id := m.Info.ID
		if !m.BuiltIn {
			g.Taken[id] = c.taken[id]
			g.Why[id] = []string{"asked for as " + c.taken[id].Ref}
			c.Report.Step(fmt.Sprintf("Buildpack %s (%s)", id, c.taken[id].Source))
			continue
		}
		l, _ := buildpacks.ByID(id)
		result := detect.Find(c.verdicts, l.Name).Result
		if assists(result, g.Members[i+1:]) {
			result = detect.Assisting(result)
		}
		g.Chosen = append(g.Chosen, result)
		g.Why[id] = reasonsFor(result)
		c.announce(result)
	}
	return g
}

// assists reports whether a language with this result serves the buildpacks after it, which declare the processes:
// one of them is built in, or the app itself has nothing to start by this language.
func assists(result detect.Result, after []lifecycle.Member) bool {
	app, isNode := result.App.(*detect.NodeApp)
	if !isNode || len(after) == 0 {
		return false
	}
	builtIn := slices.ContainsFunc(after, func(m lifecycle.Member) bool { return m.BuiltIn })
	return builtIn || !app.Starts()
}
