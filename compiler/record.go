package compiler

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"slugc/buildpacks"
	"slugc/buildpacks/reference"
	"slugc/cache"
	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/slug"
	"slugc/compiler/source"
)

// inputs lists everything that decides a build's slug, by a name for people. The commit is one of them only
// where it counts ([build.commitCounts]), which the tree and the configuration decide.
func (b *build) inputs(src *source.Source, commitCounts bool) map[string]string {
	in := map[string]string{
		"source":              string(src.Digest()),
		"build configuration": cache.Key(cache.Pairs(b.Env)...),
		"slugc":               b.Version + " format " + strconv.Itoa(slug.FormatVersion),
		"target":              b.platform() + " " + b.Target.DistroName + " " + b.Target.DistroVersion,
		"Procfile rules":      strconv.FormatBool(b.Lenient),
	}
	if commitCounts {
		in[commitInput] = src.Commit()
	}
	for _, l := range buildpacks.Languages {
		in["buildpack "+l.ID] = l.Version
	}
	for i, a := range b.Buildpacks {
		in["choice of buildpacks"] += fmt.Sprintf("%d %s %t\n", i, cmp.Or(a.Path, a.Text), a.Optional)
	}
	if b.Stack != "" {
		in["stack"] = b.Stack
	}
	if len(b.Bindings) > 0 {
		in["bindings"] = bindingsKey(b.Bindings)
	}
	return in
}

// bindingsKey identifies the content of directories of service bindings. What cannot be read the build reports.
func bindingsKey(dirs []string) string {
	var parts []string
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			data, _ := disk.ReadRegular(filepath.Join(dir, e.Name()), maxBinding)
			parts = append(parts, filepath.Base(dir), e.Name(), string(data))
		}
	}
	return cache.Key(parts...)
}

// maxBinding is the most bytes of a file of a service binding.
const maxBinding = 1 << 20

// takenInput is how the names of inputs start that are buildpacks which are not built in.
const takenInput = "buildpack at "

// addTaken adds the buildpacks that are not built in to a build's inputs: their references, with the digests of
// what they lead to. Those in the source are a part of that.
func (g Group) addTaken(in map[string]string) {
	for _, t := range g.Taken {
		if !t.inApp {
			in[takenInput+t.key()] = t.Digest.String()
		}
	}
}

// key is the reference, by which a later build finds the buildpack again.
func (t Taken) key() string {
	if t.ref.Path != "" {
		return t.ref.Path
	}
	return t.Ref
}

// addRecorded adds what the references of a record lead to on this machine by now. Nothing is fetched.
func (b *build) addRecorded(ctx context.Context, in map[string]string, record *cache.Record) {
	var store *reference.Store
	for name := range record.Parts {
		text, ok := strings.CutPrefix(name, takenInput)
		if !ok {
			continue
		}
		if store == nil {
			offline := b.References
			offline.Offline = true
			opened, err := reference.Open(b.Home.Path("foreign"), offline)
			if err != nil {
				return // the build reports it
			}
			defer opened.Close()
			store = opened
		}
		ref, err := reference.Parse(text, "/")
		if err == nil {
			var p reference.Package
			if p, err = store.Take(ctx, ref); err == nil {
				in[name] = p.Digest.String()
			}
		}
	}
}

// withArticle is an input's name within a sentence.
func withArticle(input string) string {
	if input == "slugc" {
		return input
	}
	return "the " + input
}

// unchanged returns the result of the last build if its inputs were the same and its slug is still
// there. Otherwise it returns nil and reports why a build is needed.
func (b *build) unchanged(ctx context.Context, src *source.Source) *Result {
	record := b.app().Record()
	if b.Fresh || record == nil {
		return nil
	}
	_, commitCounts := record.Parts[commitInput]
	inputs := b.inputs(src, commitCounts)
	b.addRecorded(ctx, inputs, record)
	if record.Key != key(inputs) {
		for _, name := range slices.Sorted(maps.Keys(inputs)) {
			if record.Parts[name] != inputs[name] {
				b.Report.Step("Building " + b.App + " again: " + withArticle(name) + " changed")
				break
			}
		}
		return nil
	}
	result, why := b.recorded(record)
	if why != "" {
		b.Report.Step("Building " + b.App + " again: the slug of the last build " + why)
		return nil
	}
	b.app().MarkUsed(record.Slug)
	b.Report.Step("Nothing changed since the last build of " + b.App)
	b.Report.Detail("same source, build configuration and buildpacks; use --fresh to build from scratch")
	result.Unchanged, result.Release, result.Commit = true, nil, src.Commit()
	for i := range result.Slug.Sections {
		result.Slug.Sections[i].Reused, result.Slug.Sections[i].Why = "all", "nothing changed"
	}
	for i := range result.Cache {
		result.Cache[i].State, result.Cache[i].Why = "restored", "nothing changed"
	}
	return result
}

// recorded returns the recorded result, or why its slug cannot be used. A slug whose file has changed since
// it was recorded is read, to find out whether it is still the one that was built.
func (b *build) recorded(record *cache.Record) (*Result, string) {
	result, ok := lastResult(record)
	state, err := cache.StateOf(record.Slug)
	if err != nil || state.Size != record.State.Size && record.State.Size != 0 || !ok {
		return nil, "is gone"
	}
	if state != record.State {
		if is, _, err := digest.File(record.Slug); err != nil || is != result.Slug.Digest {
			return nil, "is damaged"
		}
		record.State = state
		if err := b.app().SaveRecord(record); err != nil {
			b.Report.Warn(err.Error())
		}
	}
	return result, ""
}

// saveRecord records a build and its slug.
func (b *build) saveRecord(src *source.Source, group Group, commitCounts bool, result *Result) error {
	data, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	state, err := cache.StateOf(result.Slug.Path)
	if err != nil {
		return fmt.Errorf("examining the slug: %w", err)
	}
	inputs := b.inputs(src, commitCounts)
	group.addTaken(inputs)
	return b.app().SaveRecord(&cache.Record{
		Key: key(inputs), Parts: inputs, Slug: result.Slug.Path, State: state, Result: data,
	})
}

func key(inputs map[string]string) string { return cache.Key(cache.Pairs(inputs)...) }

// lastResult is the result that a record holds, if it can be read.
func lastResult(record *cache.Record) (*Result, bool) {
	var result Result
	if record == nil || json.Unmarshal(record.Result, &result) != nil {
		return nil, false
	}
	return &result, true
}
