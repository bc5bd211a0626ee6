package compiler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks"
	"slugc/buildpacks/extension"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/detect"
)

// detect chooses the buildpacks.
func (b *build) detect(ctx context.Context, staged Staged) (Group, error) {
	ctx, end := b.bounded(ctx)
	group, err := b.group(ctx, staged)
	if err = end("detecting the language", err); err != nil {
		return Group{}, err
	}
	b.clock.mark("detect")
	return group, nil
}

// detected chooses the buildpacks of the language that is detected.
func (b *build) detected(ctx context.Context, files fs.FS, staged Staged, d Described) (Group, error) {
	_, chosen, err := Detect(ctx, files, staged.Member, b.env(d))
	if none, ok := errors.AsType[*detect.NoMatch](err); ok {
		b.Report.Step("Detecting the language")
		for line := range strings.Lines(none.Text()) {
			b.Report.Detail(strings.TrimRight(line, "\n"))
		}
	}
	if err != nil {
		return Group{}, err
	}
	group := Group{Chosen: chosen, Why: map[string][]string{}}
	for _, r := range chosen {
		b.announce(r)
		if l, ok := buildpacks.For(r.Language); ok {
			group.Why[l.ID] = reasonsFor(r)
		}
	}
	group.Members, err = b.resolve(ctx, staged, d, chosen)
	return group, err
}

// Detect runs every detector over the files of a source, of which member is the app's directory ("" for all of
// it), and chooses a group. It reads files only: nothing is written and nothing of the app runs. When ctx ends, it
// returns the cause at once, even if a file cannot be read.
func Detect(
	ctx context.Context, files fs.FS, member string, env map[string]string,
) (verdicts []detect.Verdict, chosen []detect.Result, err error) {
	type found struct {
		verdicts []detect.Verdict
		chosen   []detect.Result
	}
	all, err := awaited(ctx, func() (f found, err error) {
		in := detect.Input{FS: files, Member: member, Env: env}
		f.verdicts = detect.All(in)
		f.chosen, err = detect.Group(in, f.verdicts)
		return f, detectFault(err)
	})
	return all.verdicts, all.chosen, err
}

// SelectMember returns [detect.Select] for [source.Spec]: its error has the owner and the exit code. When ctx ends,
// it returns the cause at once, as [Detect] does.
func SelectMember(ctx context.Context) func(fs.FS, string) (*detect.Selection, error) {
	return func(around fs.FS, member string) (*detect.Selection, error) {
		return awaited(ctx, func() (*detect.Selection, error) {
			taken, err := detect.Select(around, member)
			return taken, detectFault(err)
		})
	}
}

// detectFault adds the owner and the exit code to a detector's error.
func detectFault(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*detect.Error](err); ok {
		f := fault.AppError(e.ID, e, e.Hints...)
		f.Place = e.Place
		return f
	}
	if e, ok := errors.AsType[*detect.NoMatch](err); ok {
		return fault.New(fault.App, fault.ExitNoMatch, "detect/no-match", e, noMatchHints(e)...)
	}
	return detectorBroke(err)
}

// detectorBroke is the fault of a detector that fails, which none should, whatever the app. Where it lacks a
// permission, the machine's files are wrong.
func detectorBroke(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fault.New(fault.Slugc, fault.ExitDetect, "detect/detector-broke", err,
		"leave the language out with SLUGC_BUILDPACK, and report what the app has")
}

// noMatchHints are the usual causes for which there is evidence, or else what to look at.
func noMatchHints(e *detect.NoMatch) (hints []string) {
	for _, c := range e.Checks {
		hints = append(hints, c.Found...)
	}
	if len(hints) > 0 {
		return hints
	}
	if e.Foreign != nil {
		return []string{
			fmt.Sprintf("for %s name a buildpack: --buildpack REF, a file .buildpacks or project.toml", e.Foreign.Name),
			"slugc itself builds apps in Ruby, Node.js, Go and Clojure",
			"if it is one of these, commit its Gemfile, package.json, go.mod, project.clj or deps.edn",
		}
	}
	return []string{
		"name the app's directory with --subdir if it is not at the top level of the source",
		"check the file's name, upper and lower case included, and that neither .slugignore nor .gitignore lists it",
		"commit the file: `git status` shows what is not committed",
	}
}

// reasonsFor lists what speaks for the language.
func reasonsFor(r detect.Result) (texts []string) {
	for _, reason := range r.Reasons {
		if reason.For {
			texts = append(texts, reason.Text)
		}
	}
	return texts
}

// resolve makes the group's members: each language's buildpack, with the plan entries that are its
// business.
func (b *build) resolve(
	ctx context.Context, staged Staged, d Described, chosen []detect.Result,
) ([]lifecycle.Member, error) {
	platform, err := platformFor(staged)
	if err != nil {
		return nil, err
	}
	var candidates []lifecycle.Candidate
	for _, r := range chosen {
		candidate, err := b.candidate(ctx, staged, d, platform, r.Language)
		if err != nil {
			return nil, err
		}
		candidates = append(candidates, candidate)
	}
	return plan(candidates)
}

// platformFor makes the directory of what the platform tells detection.
func platformFor(staged Staged) (string, error) {
	platform := filepath.Join(staged.Dirs.Dir, "detect")
	if staged.Member != "" {
		if err := os.MkdirAll(platform, 0o700); err != nil {
			return "", fmt.Errorf("making a build directory: %w", err)
		}
	}
	return platform, extension.WriteMember(platform, staged.Member)
}

// candidate lays out the language's buildpack on disk and asks it for its build plans. platform is the directory
// of what the platform tells it.
func (b *build) candidate(
	ctx context.Context, staged Staged, d Described, platform string, language detect.Language,
) (c lifecycle.Candidate, err error) {
	l, ok := buildpacks.For(language)
	if !ok {
		return c, fault.New(fault.App, fault.ExitNoMatch, "detect/no-buildpack",
			fmt.Errorf("choosing a buildpack: no buildpack for %s apps is built in", language),
			"name the languages to build with SLUGC_BUILDPACK if the app has others too")
	}
	bpDir, err := l.Materialise(b.Home.Path("buildpacks"), b.Self)
	if err != nil {
		return c, err
	}
	loaded, err := lifecycle.LoadBuiltIn(bpDir)
	if err != nil {
		return c, err
	}
	return awaited(ctx, func() (lifecycle.Candidate, error) {
		c, err := lifecycle.Detect(loaded, l.Detect, staged.Tree.Root, platform, b.env(d))
		if err != nil {
			return c, detectorBroke(err)
		}
		return c, nil
	})
}

// plan makes members of the candidates whose plans go together.
func plan(candidates []lifecycle.Candidate) ([]lifecycle.Member, error) {
	members, ok := lifecycle.Resolve(candidates)
	if !ok {
		return nil, fault.New(fault.Slugc, fault.ExitDetect, "detect/no-plan",
			fmt.Errorf("resolving the build plan of %d buildpacks: one requires what none before it provides",
				len(candidates)),
			"name the languages to build with SLUGC_BUILDPACK")
	}
	return members, nil
}

// reasonsAgainst lists what speaks against the language.
func reasonsAgainst(r detect.Result) (texts []string) {
	for _, reason := range r.Reasons {
		if !reason.For {
			texts = append(texts, reason.Text)
		}
	}
	return texts
}
