package compiler

import (
	"slugc/compiler/source"
)

// keep keeps the layers and records the build. The order makes a kill at any point harmless: first
// the slug, which is in its place, then the layers, and last the record, which names the slug.
func (b *build) keep(src *source.Source, staged Staged, group Group, built Built, packed Packed) (*Result, error) {
	path := packed.Path
	b.Home.Digests().Made(path, packed.Digest)
	if err := staged.Dirs.Commit(); err != nil {
		return nil, err
	}
	b.app().MarkServed(path)
	b.clock.mark("keep")
	result := &Result{
		App:          b.App,
		Slug:         describeSlug(path, packed),
		Buildpacks:   group.buildpacks(),
		Runtimes:     runtimes(built.Tools),
		ProcessTypes: packed.Types,
		Cache:        built.Layers.States,
		Phases:       b.clock.phases,
		Commit:       src.Commit(),
		Addons:       built.Layers.Addons,
		Directory:    staged.Member,
		AppJSON:      group.Described.App,
	}
	counts, err := staged.CommitCounts()
	if err != nil {
		return nil, err
	}
	// What a buildpack of others makes of the commit is not known.
	counts = counts || group.foreign() && src.Commit() != ""
	return result, b.saveRecord(src, group, counts, result)
}

// describeSlug describes the packed slug, now at path.
func describeSlug(path string, packed Packed) Slug {
	s := Slug{
		Path: path, Digest: packed.Digest, Content: packed.Content, Size: packed.Size,
	}
	for _, p := range packed.Sections {
		s.Sections = append(s.Sections, Section{
			Name: p.Name, Digest: p.Digest, Size: p.Size, Reused: p.Reused, Why: p.Why,
		})
	}
	return s
}
