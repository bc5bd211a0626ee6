package compiler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slugc/cache"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/procfile"
	"slugc/compiler/report"
	"slugc/compiler/slug"
	"slugc/compiler/source"
)

type packed struct {
	*slug.Packed
	types []procfile.Process
}

// pack archives layers, slices and the app.
func (b *build) pack(ctx context.Context, g *group, layers *lifecycle.Result) (*packed, error) {
	types, err := b.types(g, layers)
	if err != nil {
		return nil, err
	}
	b.Report.Step("Discovering process types")
	from := "Procfile"
	if len(g.procfile) == 0 {
		from = "buildpack defaults"
	}
	b.Report.Detail(from + " -> " + strings.Join(names(types), ", "))
	if len(layers.Addons) > 0 {
		b.Report.Detail("Add-ons -> " + strings.Join(layers.Addons, ", "))
	}
	if err := b.writeProfile(layers.Profile); err != nil {
		return nil, err
	}
	b.Report.Step("Packing the slug")
	if err := b.sweepSlugs(); err != nil {
		return nil, err
	}
	p, err := slug.Pack(ctx, slug.PackOptions{
		Store: b.slugs, Sections: b.sections(layers), Output: filepath.Join(b.app.Path("slugs"), "new.tgz"), Limit: b.Limit,
		Manifest: slug.Manifest{
			ProcessTypes: types,
			Runtimes:     g.runtimes(),
			Buildpacks:   g.describe(),
			Target:       b.Target.OS + "/" + b.Target.Arch,
		},
		Progress: func(done, total int64) { b.Report.Progress("packing", done, total) },
	})
	if err != nil {
		return nil, err
	}
	for _, s := range p.Sections {
		b.Report.Detail(fmt.Sprintf("%-32s %9s  %s", s.Name, report.Bytes(s.Size), s.Why))
	}
	b.mark("pack")
	return &packed{Packed: p, types: types}, nil
}

// sweepSlugs makes the slug directory and removes what a killed build left half-written in it.
func (b *build) sweepSlugs() error {
	if err := os.MkdirAll(b.app.Path("slugs"), 0o700); err != nil {
		return fmt.Errorf("making the slug directory: %w", err)
	}
	left, err := filepath.Glob(b.app.Path("slugs", ".slug-*"))
	for _, f := range append(left, b.app.Path("slugs", "new.tgz")) {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing what a killed build left: %w", err)
		}
	}
	return err
}

// sections lists what the slug is made of: launch layers, slices, the app.
func (b *build) sections(layers *lifecycle.Result) []slug.Section {
	var list []slug.Section
	exclude := []string{".layers", ".slugc"}
	for _, l := range layers.Layers {
		rel, _ := filepath.Rel(b.dirs.AppDir, l.Dir)
		list = append(
			list,
			slug.Section{Name: "layer:" + l.Buildpack + ":" + l.Name, Dir: l.Dir, Prefix: filepath.ToSlash(rel),
				Exclude: []string{"env", "env.build", "env.launch"}},
		)
	}
	for _, s := range layers.Slices {
		section := slug.Section{
			Name:   "slice:" + s.Path,
			Prefix: s.Path,
			Key:    s.Key,
			Dir:    filepath.Join(b.dirs.AppDir, filepath.FromSlash(s.Path)),
		}
		if _, err := os.Lstat(section.Dir); err != nil {
			if s.Key == "" || !b.slugs.Has(section.Name, s.Key) {
				continue // declared, but the install left nothing there
			}
			section.Dir = ""
		}
		exclude = append(exclude, s.Path)
		list = append(list, section)
	}
	return append(list, slug.Section{Name: "app", Dir: b.dirs.AppDir, Exclude: exclude})
}

// keep puts the slug in its place, keeps the layers and records the build. The order is what makes
// a kill at any point harmless: the slug first, the layers next, the record (which names the slug)
// last.
func (b *build) keep(src *source.Source, g *group, layers *lifecycle.Result, p *packed) (*Result, error) {
	path := b.app.Path("slugs", p.Digest.Hex()+".tgz")
	if err := os.Rename(p.Path, path); err != nil {
		return nil, fmt.Errorf("keeping the slug: %w", err)
	}
	if err := disk.SyncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	result := &Result{
		App:          b.App,
		Buildpacks:   g.describe(),
		Runtimes:     g.runtimes(),
		ProcessTypes: p.types,
		Cache:        layers.States,
		Commit:       src.Commit(),
		Addons:       layers.Addons,
		Slug:         Slug{Path: path, Digest: p.Digest, Content: p.Content, Size: p.Size},
	}
	for _, s := range p.Sections {
		result.Slug.Sections = append(
			result.Slug.Sections,
			Section{Name: s.Name, Digest: s.Digest, Size: s.Size, Reused: s.Reused, Why: s.Why},
		)
	}
	if err := b.dirs.Commit(); err != nil {
		return nil, err
	}
	b.finished = true
	b.mark("keep")
	result.Phases = b.phases
	data, err := json.Marshal(result)
	if err != nil {
		return nil, fmt.Errorf("encoding the result: %w", err)
	}
	return result, b.app.SaveRecord(&cache.Record{Key: b.key(), Parts: b.parts, Slug: path, Size: p.Size, Result: data})
}

// cause is why a file could not be read or written, without the path of slugc's copy of it.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// finish registers the release and hands the slug over.
func (b *build) finish(ctx context.Context, result *Result) (*Result, error) {
	if b.Output != "" {
		if err := disk.ReplaceFile(result.Slug.Path, b.Output, 0o644); err != nil {
			return nil, fault.UsageError(
				"slug/output",
				fmt.Errorf("writing the slug to %q: %w", b.Output, cause(err)),
				"name a file in a directory that exists and can be written to",
				"the slug itself is kept: "+result.Slug.Path,
			)
		}
	}
	var err error
	if b.Register {
		result.Release, err = b.register(ctx, result)
		b.mark("register")
	}
	if b.Output != "" {
		result.Slug.Path = b.Output
	}
	result.Phases = b.phases
	return result, err
}

func names(list []procfile.Process) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.Type
	}
	return out
}
