package compiler

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks"
	"slugc/buildpacks/reference"
	"slugc/compiler/classic"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/detect"
)

// Taken is where a buildpack comes from that is not built in.
type Taken struct {
	reference.Package
	ref    reference.Ref
	inApp  bool // it is a part of the source
	inline bool // it is a script in a file of the app, whose place is the reference
}

// source is what a slug says of where a buildpack comes from. Where on this machine it was does not count.
func (t Taken) source() string {
	if t.inApp || t.ref.Path != "" {
		return ""
	}
	return t.Source
}

// choice is a build's choice among buildpacks that were asked for.
type choice struct {
	*build
	staged    Staged
	described Described
	verdicts  []detect.Verdict
	taken     map[string]Taken               // by the buildpack's name, its id with its version
	known     map[string]lifecycle.Buildpack // by id, and by name: built-in ones and those that were taken
}

// listed makes a group of the buildpacks that are named. Each must pass its own detection, and their plans must go
// together.
func (b *build) listed(ctx context.Context, root *os.Root, staged Staged, d Described, n named) (Group, error) {
	c := &choice{
		build: b, staged: staged, described: d,
		taken: map[string]Taken{}, known: map[string]lifecycle.Buildpack{},
	}
	list, err := c.order(ctx, root, n)
	if err != nil {
		return Group{}, err
	}
	order, err := lifecycle.Expand(list, c.find)
	if err != nil {
		return Group{}, err
	}
	c.verdicts, err = awaited(ctx, func() ([]detect.Verdict, error) {
		return detect.All(detect.Input{FS: root.FS(), Member: staged.Member, Env: b.env(d)}), nil
	})
	if err != nil {
		return Group{}, err
	}
	chosen, err := lifecycle.Choose(ctx, order, c.probe)
	if err != nil {
		b.reportVerdicts(chosen.Verdicts)
		return Group{}, err
	}
	return c.group(chosen), nil
}

// order takes the buildpacks that are named and returns them in order. What project.toml excludes is left out
// afterwards: a buildpack in the source may be among it.
func (c *choice) order(ctx context.Context, root *os.Root, n named) (all []lifecycle.Ordered, err error) {
	pre, err := c.take(ctx, n.pre)
	if err != nil {
		return nil, err
	}
	list, err := c.take(ctx, n.list)
	if err != nil {
		return nil, err
	}
	post, err := c.take(ctx, n.post)
	if err != nil {
		return nil, err
	}
	if err := c.leaveOut(root, c.staged, c.described); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		detected, err := c.askedByDetection(ctx, root.FS(), c.staged, c.described)
		if err != nil {
			return nil, err
		}
		if list, err = c.take(ctx, detected); err != nil {
			return nil, err
		}
	}
	all = slices.Concat(pre, list, post)
	// Only the first classic one can look at the source: each of the others detects what those before it have made.
	first := slices.IndexFunc(all, func(o lifecycle.Ordered) bool { return o.Classic })
	for i := range all {
		all[i].Late = all[i].Classic && !all[i].Optional && i > first
	}
	return all, nil
}

// reportVerdicts says what each buildpack's detection said, where no group passes.
func (b *build) reportVerdicts(verdicts []lifecycle.Verdict) {
	b.Report.Step("Detecting with the buildpacks that were asked for")
	for _, v := range verdicts {
		b.Report.Detail(v.Name() + ": " + v.Why)
		for line := range strings.Lines(v.Output) {
			b.Report.Detail("  " + strings.TrimRight(line, "\n"))
		}
	}
}

// take takes the buildpacks from where they are.
func (c *choice) take(ctx context.Context, asked []Asked) (list []lifecycle.Ordered, err error) {
	for _, a := range asked {
		bp, err := c.takeOne(ctx, a)
		if err != nil {
			return nil, err
		}
		list = append(list, lifecycle.Ordered{Buildpack: bp, Optional: a.Optional})
	}
	return list, nil
}

// takeOne takes one buildpack, and those that it consists of.
func (c *choice) takeOne(ctx context.Context, a Asked) (lifecycle.Buildpack, error) {
	if a.Kind == reference.Builtin {
		bp, ok := c.find("slugc/"+a.ID, "")
		if !ok {
			return bp, fmt.Errorf("laying out the built-in buildpack %q", a.ID)
		}
		if is := bp.Info.Version; a.Rev != "" && a.Rev != is {
			return bp, fault.UsageError("buildpack/no-such-version",
				fmt.Errorf("taking the buildpack %q: this slugc has its version %s", a.Text, is),
				"leave the version out")
		}
		return bp, nil
	}
	store, err := c.references()
	if err != nil {
		return lifecycle.Buildpack{}, err
	}
	p, err := store.Take(ctx, a.Ref)
	if err != nil {
		return lifecycle.Buildpack{}, ReferenceFault(err)
	}
	if p.Moved != "" {
		c.Report.Warn(fmt.Sprintf("%s leads to %s now. This build uses %s.", p.Ref, p.Moved, p.Source))
		c.Report.Detail("`slugc buildpacks add " + p.Ref + "` takes the new one")
	}
	var first lifecycle.Buildpack
	for i, one := range p.Buildpacks {
		bp, err := loadTaken(c.distinct(one))
		if err != nil {
			return first, err
		}
		if i == 0 {
			first = bp
		}
		if _, ok := c.known[bp.Info.ID]; !ok || i == 0 {
			c.known[bp.Info.ID] = bp
		}
		c.known[bp.Name()], c.taken[bp.Name()] = bp, Taken{p, a.Ref, a.inApp, a.inline}
	}
	return first, nil
}

// distinct gives a classic buildpack, which is called by the name of its directory or repository, another id if a
// different one has it: "python-2".
func (c *choice) distinct(b reference.Buildpack) reference.Buildpack {
	id := b.ID
	for n := 2; b.Kind == reference.Classic; n++ {
		if other, ok := c.known[b.ID]; !ok || other.Dir == b.Dir {
			break
		}
		b.ID = fmt.Sprintf("%s-%d", id, n)
	}
	return b
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
	if bp, ok := c.known[id+"@"+version]; ok {
		return bp, true
	}
	bp, ok := c.known[id]
	if l, builtIn := buildpacks.ByID(id); !ok && builtIn {
		dir, err := l.Materialise(c.Home.Path("buildpacks"), c.Self)
		if err == nil {
			bp, err = lifecycle.LoadBuiltIn(dir)
		}
		if ok = err == nil; ok {
			c.known[id] = bp
		}
	}
	return bp, ok && (version == "" || version == bp.Info.Version)
}

// probe runs a buildpack's detection.
func (c *choice) probe(ctx context.Context, bp lifecycle.Buildpack) lifecycle.Outcome {
	if bp.BuiltIn {
		return c.probeBuiltIn(ctx, bp)
	}
	if bp.Late {
		return lifecycle.Outcome{Pass: true}
	}
	box, err := c.ahead.sandbox()
	if err != nil {
		return lifecycle.Outcome{Err: err}
	}
	env, _, err := c.BaseEnv(ctx, nil)
	if err != nil {
		return lifecycle.Outcome{Err: err}
	}
	c.addStack(env, c.described)
	work := filepath.Join(c.staged.Dirs.Dir, "detect")
	if err := os.MkdirAll(work, 0o700); err != nil {
		return lifecycle.Outcome{Err: fmt.Errorf("making a build directory: %w", err)}
	}
	return lifecycle.RunDetect(ctx, lifecycle.DetectConfig{
		Sandbox: box, AppDir: c.staged.Dirs.AppDir, Work: work, Env: c.buildEnv(c.staged, c.described), BaseEnv: env,
		Bindings: c.bindings(), Target: c.Target, Network: c.network(c.described) != lifecycle.NoNetwork,
		Limits: c.limits(c.described), Stack: c.stack(c.described), BuildPath: classic.BuildPath(c.App),
	}, bp)
}

// bindings are the directories of service bindings by name.
func (b *build) bindings() map[string]string {
	all := map[string]string{}
	for _, dir := range b.Bindings {
		all[filepath.Base(dir)] = dir
	}
	return all
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
	candidate, err := c.candidate(ctx, c.staged, c.described, platform, l.Name)
	if err != nil {
		return lifecycle.Outcome{Err: err}
	}
	out.Plans, out.Output = candidate.Plans, strings.Join(reasonsFor(v.Result), "\n")
	return out
}

// group makes a group of what was chosen, and reports it.
func (c *choice) group(chosen lifecycle.Choice) Group {
	g := Group{Members: chosen.Members, Why: map[string][]string{}, Taken: map[string]Taken{}}
	said := map[string]string{}
	for _, v := range chosen.Verdicts {
		said[v.Info.ID] = strings.TrimSpace(v.Output)
	}
	for i, m := range g.Members {
		id := m.Info.ID
		if !m.BuiltIn {
			g.Taken[id] = c.taken[m.Name()]
			c.announceTaken(g, m, said[id])
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

// announceTaken reports a buildpack of others, which said something of the app.
func (c *choice) announceTaken(g Group, m lifecycle.Member, said string) {
	t := g.Taken[m.Info.ID]
	g.Why[m.Info.ID] = []string{"asked for as " + t.name()}
	line := fmt.Sprintf("Buildpack %s (%s", m.Name(), t.name())
	if m.Classic && said != "" {
		line += ": " + said
	}
	c.Report.Step(line + ")")
	c.Report.Detail(t.Digest.String())
	if !m.Classic {
		c.reportSaid(said)
	}
}

// maxSaid is how many lines of a detection that passes are shown.
const maxSaid = 5

// reportSaid shows why a buildpack accepts the app.
func (c *choice) reportSaid(said string) {
	lines := strings.Split(said, "\n")
	for i, line := range lines {
		if i == maxSaid {
			c.Report.Detail(fmt.Sprintf("+ … (%d lines more)", len(lines)-maxSaid))
			return
		}
		if line = strings.TrimSpace(line); line != "" {
			c.Report.Detail("+ " + line)
		}
	}
}

// name is what the buildpack was asked for as.
func (t Taken) name() string {
	switch {
	case t.inline:
		return t.ref.Text
	case t.ref.Path != "":
		return filepath.Base(t.ref.Path)
	}
	return t.Source
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

// references opens the store of buildpacks that are not built in, which closeReferences closes.
func (b *build) references() (*reference.Store, error) {
	if b.taken == nil {
		store, err := reference.Open(b.Home.Path("foreign"), b.References)
		if err != nil {
			return nil, err
		}
		b.taken = store
	}
	return b.taken, nil
}

func (b *build) closeReferences() {
	if b.taken != nil {
		b.taken.Close()
	}
}
