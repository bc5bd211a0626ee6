package compiler

import (
	"context"
	"path"

	"slugc/buildpacks/extension"
	"slugc/compiler/lifecycle"
	"slugc/compiler/slug"
)

// packAhead compresses, while the buildpacks run, the runtimes that are known before them and that the machine's
// segments lack. end waits for it, or stops it where the build has failed, and returns the names of the sections
// that are new. What could not be compressed [slug.Pack] compresses, or says why it cannot.
func (b *build) packAhead(
	ctx context.Context, members []lifecycle.Member, runtimes map[string]lifecycle.Runtime,
) (end func(failed error) map[string]bool) {
	ctx, stop := context.WithCancel(ctx)
	made, ended := map[string]bool{}, make(chan struct{})
	go func() {
		defer close(ended)
		shared, err := b.sharedSegments()
		for name, r := range runtimes {
			for _, m := range members {
				layer, own := extension.LayerOf(m.Info.ID, name)
				if !own || err != nil {
					continue
				}
				s := sharedSection(slug.Section{
					Name: layerSection(m.Info.ID, layer), Prefix: path.Join(reservedNames[0], m.Escaped(), layer),
				}, r, shared)
				if fresh, err := shared.Make(ctx, s); err == nil && fresh {
					made[s.Name] = true
				}
			}
		}
	}()
	return func(failed error) map[string]bool {
		defer stop()
		if failed != nil {
			stop()
		}
		<-ended
		return made
	}
}

// layerSection names the section of a layer.
func layerSection(buildpack, layer string) string { return "layer:" + buildpack + ":" + layer }

// sharedSection is a layer's section whose content is a runtime, which all apps share.
func sharedSection(s slug.Section, r lifecycle.Runtime, shared *slug.Store) slug.Section {
	s.Dir, s.Within, s.Exclude = r.Dir, "", nil
	s.Key, s.Shared = r.Key, shared
	return s
}
