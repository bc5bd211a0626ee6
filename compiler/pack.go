package compiler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/cache/beneath"
	"slugc/compiler/artifact"
	"slugc/compiler/procfile"
	"slugc/compiler/report"
	"slugc/compiler/slug"
)

// Packed is a slug that is not yet in its place.
type Packed struct {
	*slug.Packed
	Types []procfile.Process
}

// minNames is how wide the column of the sections' names is at least.
const minNames = 32

// slicePrefix is how the names of sections start that are slices.
const slicePrefix = "slice:"

// pack packs layers, slices and the app into a slug.
func (b *build) pack(ctx context.Context, staged Staged, group Group, built Built) (Packed, error) {
	types, from, err := b.processTypes(staged, group, built)
	if err != nil {
		return Packed{}, err
	}
	b.announceTypes(types, from, built)
	if err := moveUp(staged.Dirs.AppDir, staged.Member); err != nil {
		return Packed{}, err
	}
	if err := writeProfile(staged.Dirs.AppDir, built.Layers.Profile); err != nil {
		return Packed{}, err
	}
	b.Report.Step("Packing the slug")
	output, err := b.sweepSlugs()
	if err != nil {
		return Packed{}, err
	}
	segments, err := b.segments()
	if err != nil {
		return Packed{}, err
	}
	shared, err := b.sharedSegments()
	if err != nil {
		return Packed{}, err
	}
	parts, err := sections(staged.Dirs.AppDir, built, shared)
	if err != nil {
		return Packed{}, err
	}
	p, err := slug.Pack(ctx, slug.PackOptions{
		Store: segments, Sections: parts, Output: output, Name: artifact.FileName, Limit: b.sizeLimit(group.Described),
		Manifest: slug.Manifest{
			ProcessTypes: types,
			Runtimes:     runtimes(built.Tools),
			Buildpacks:   group.buildpacks(),
			Target:       b.platform(),
			Directory:    staged.Member,
			Mounts:       group.mounts(),

			DefaultProcess: defaultProcess(types, built),
			Labels:         built.Layers.Labels,
		},
		Progress: func(done, total int64) { b.Report.Progress("packing", done, total) },
	})
	if err != nil {
		return Packed{}, err
	}
	width := minNames
	for _, s := range p.Sections {
		width = max(width, len(s.Name))
	}
	for _, s := range p.Sections {
		b.Report.Detail(fmt.Sprintf("%-*s %9s  %s", width, s.Name, report.Bytes(s.Size), s.Why))
	}
	b.clock.mark("pack")
	return Packed{p, types}, nil
}

// defaultProcess is the process type that a buildpack has declared the default, if the slug has it.
func defaultProcess(types []procfile.Process, built Built) string {
	is := func(p procfile.Process) bool { return p.Type == built.Layers.DefaultType }
	if !slices.ContainsFunc(types, is) {
		return ""
	}
	return built.Layers.DefaultType
}

// announceTypes reports the process types, where they are from, and add-ons.
func (b *build) announceTypes(types []procfile.Process, from string, built Built) {
	b.Report.Step("Discovering process types")
	names := make([]string, len(types))
	for i, p := range types {
		names[i] = p.Type
	}
	b.Report.Detail(from + " -> " + strings.Join(names, ", "))
	if addons := built.Layers.Addons; len(addons) > 0 {
		b.Report.Detail("Add-ons -> " + strings.Join(addons, ", "))
	}
}

// sweepSlugs makes the slug directory, removes what a killed build left half-written in it, and
// returns the path for a new slug.
func (b *build) sweepSlugs() (output string, err error) {
	dir := b.app().Path("slugs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the slug directory: %w", err)
	}
	output = filepath.Join(dir, "new.tgz")
	left, err := filepath.Glob(filepath.Join(dir, ".slug-*"))
	if err != nil {
		return "", err
	}
	for _, f := range append(left, output) {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("removing what a killed build left: %w", err)
		}
	}
	return output, nil
}

// sections lists what the slug is made of: launch layers, slices, the app. A slice without files is
// taken from the segments, where the buildpacks were told that it is kept; [slug.Pack] fails if it no
// longer is. Any other slice without files was declared, but the install left nothing there.
func sections(appDir string, built Built, shared *slug.Store) ([]slug.Section, error) {
	app, err := beneath.Open(appDir)
	if err != nil {
		return nil, fmt.Errorf("opening the app directory: %w", err)
	}
	defer app.Close()
	var list []slug.Section
	exclude := slices.Clone(reservedNames)
	for _, l := range built.Layers.Layers {
		rel, _ := filepath.Rel(appDir, l.Dir)
		section := slug.Section{
			Name: layerSection(l.Buildpack, l.Name), Dir: l.Dir, Within: appDir, Prefix: filepath.ToSlash(rel),
			Exclude: []string{"env", "env.build", "env.launch"},
		}
		if l.Runtime.Dir != "" {
			section = sharedSection(section, l.Runtime, shared)
			section.Made = built.Made[section.Name]
		}
		list = append(list, section)
	}
	if built.Layers.SBOM != "" {
		rel, _ := filepath.Rel(appDir, built.Layers.SBOM)
		list = append(list, slug.Section{
			Name: "sbom", Dir: built.Layers.SBOM, Within: appDir, Prefix: filepath.ToSlash(rel),
		})
	}
	for _, s := range built.Layers.Slices {
		if s.Paths != nil {
			list = append(list, slug.Section{Name: slicePrefix + s.Path, Dir: appDir, Include: s.Paths})
			continue
		}
		section := slug.Section{
			Name: slicePrefix + s.Path, Prefix: s.Path, Key: s.Key,
			Dir: filepath.Join(appDir, filepath.FromSlash(s.Path)), Within: appDir,
		}
		if _, err := app.Lstat(s.Path); beneath.Missing(err) {
			if key, lent := built.Lent[s.Path]; !lent || key != s.Key {
				continue
			}
			section.Dir, section.Within = "", ""
		}
		exclude = append(exclude, s.Path)
		list = append(list, section)
	}
	return append(list, slug.Section{Name: "app", Dir: appDir, Exclude: exclude}), nil
}
