package compiler

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"slugc/buildpacks"
	"slugc/buildpacks/toolchain"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/procfile"
	"slugc/compiler/slug"
	"slugc/compiler/source"
	"slugc/detect"
)

// group is the chosen buildpacks with what was learnt of the app.
type group struct {
	members  []lifecycle.Member
	chosen   []detect.Result
	tools    []toolchain.Toolchain
	procfile []procfile.Process
}

// Detect runs every detector over dir and chooses a group. Detection alone changes nothing and runs
// nothing of the app's.
func Detect(dir string, env map[string]string) ([]detect.Verdict, []detect.Result, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fault.UsageError(
			"source/not-found",
			fmt.Errorf("opening the source: %w", err),
			"name a directory that exists",
		)
	}
	defer root.Close()
	in := detect.Input{FS: root.FS(), Env: env}
	verdicts := detect.All(in)
	chosen, err := detect.Group(in, verdicts)
	return verdicts, chosen, detectFault(err)
}

// broken is what to do about a detector that breaks: it should never happen, whatever the app.
const broken = "leave the language out with SLUGC_BUILDPACK, and report what the app has"

// detectFault gives a detector's error its owner and exit code.
func detectFault(err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *detect.Error:
		f := fault.AppError(e.ID, e, e.Hints...)
		f.Place = e.Place
		return f
	case *detect.NoMatch:
		return fault.New(fault.App, fault.ExitNoMatch, "detect/no-match", e, noMatchHints(e)...)
	}
	return fault.New(fault.Slugc, fault.ExitDetect, "detect/detector-broke", err, broken)
}

// noMatchHints are the usual causes that something was found of, or else what to look at.
func noMatchHints(e *detect.NoMatch) (hints []string) {
	for _, c := range e.Checks {
		hints = append(hints, c.Found...)
	}
	if len(hints) == 0 {
		return []string{
			"name the app's directory with --subdir if it is not at the top level of the source",
			"check the file's name, upper and lower case included, and that neither .slugignore nor .gitignore lists it",
			"commit the file: `git status` shows what is not committed",
		}
	}
	return hints
}

func (b *build) detect(ctx context.Context, tree *source.Tree) (*group, error) {
	g := &group{}
	_, chosen, err := Detect(tree.Root, b.Env)
	if none, ok := errors.AsType[*detect.NoMatch](err); ok {
		b.Report.Step("Detecting the language")
		for line := range strings.Lines(none.Text()) {
			b.Report.Detail(strings.TrimRight(line, "\n"))
		}
	}
	if err != nil {
		return nil, err
	}
	g.chosen = chosen
	for _, r := range chosen {
		b.announce(r)
	}
	if g.procfile, err = b.readProcfile(tree.Root, true); err != nil {
		return nil, err
	}
	if g.members, err = b.resolve(tree.Root, chosen); err != nil {
		return nil, err
	}
	b.mark("detect")
	return g, nil
}

// announce says what was detected and why.
func (b *build) announce(r detect.Result) {
	var why []string
	for _, reason := range r.Reasons {
		if reason.For {
			why = append(why, reason.Text)
		}
	}
	b.Report.Step(fmt.Sprintf("%s app detected (%s)", buildpacks.Title(r.Language), strings.Join(why, ", ")))
	for _, w := range r.Warnings {
		b.Report.Warn(w)
	}
}

// resolve makes the group's members out of the detectors' results through the buildpacks' own
// detect functions and the plan rules.
func (b *build) resolve(dir string, chosen []detect.Result) ([]lifecycle.Member, error) {
	var candidates []lifecycle.Candidate
	for _, r := range chosen {
		bp, ok := buildpacks.For(r.Language)
		if !ok {
			return nil, fault.New(fault.App, fault.ExitNoMatch, "detect/no-buildpack",
				fmt.Errorf("choosing a buildpack: no buildpack for %s apps is built in", buildpacks.Title(r.Language)),
				"name the languages to build with SLUGC_BUILDPACK if the app has others too")
		}
		bpDir, err := bp.Materialise(b.Home.Path("buildpacks"), b.Self)
		if err != nil {
			return nil, err
		}
		loaded, err := lifecycle.Load(bpDir)
		if err != nil {
			return nil, err
		}
		candidate, err := lifecycle.Detect(loaded, bp.Detect, dir, b.Env)
		if err != nil {
			return nil, fault.New(fault.Slugc, fault.ExitDetect, "detect/detector-broke", err, broken)
		}
		candidates = append(candidates, candidate)
	}
	members, err := plan(candidates)
	for i := range members {
		if app, ok := chosen[i].App.(*detect.NodeApp); ok && app.Assisting {
			members[i].SetMetadata("node", "assisting", true)
		}
	}
	return members, err
}

// plan makes members of the candidates whose plans go together.
func plan(candidates []lifecycle.Candidate) ([]lifecycle.Member, error) {
	members, ok := lifecycle.Resolve(candidates)
	if !ok {
		return nil, fault.New(
			fault.Slugc,
			fault.ExitDetect,
			"detect/no-plan",
			fmt.Errorf(
				"resolving the build plan of %d buildpacks: what one requires, none before it provides",
				len(candidates),
			),
			"name the languages to build with SLUGC_BUILDPACK",
		)
	}
	return members, nil
}

// describe lists the buildpacks for people and the slug.
func (g *group) describe() []slug.Buildpack {
	list := make([]slug.Buildpack, len(g.members))
	for i, m := range g.members {
		list[i] = slug.Buildpack{ID: m.Info.ID, Version: m.Info.Version}
		if i < len(g.chosen) {
			for _, r := range g.chosen[i].Reasons {
				if r.For {
					list[i].Reasons = append(list[i].Reasons, r.Text)
				}
			}
		}
	}
	return list
}

// runtimes lists the toolchains for people and the slug.
func (g *group) runtimes() []slug.Runtime {
	list := make([]slug.Runtime, len(g.tools))
	for i, t := range g.tools {
		list[i] = slug.Runtime{Name: t.Tool, Version: t.Version, Source: t.Source, Requested: t.Requested, From: t.From}
	}
	return list
}

// languages lists the group's languages.
func (g *group) languages() []detect.Language {
	list := make([]detect.Language, len(g.chosen))
	for i, r := range g.chosen {
		list[i] = r.Language
	}
	return list
}
