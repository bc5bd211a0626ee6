package compiler

import (
	"context"
	"encoding/json"
	"errors"

	"slugc/buildpacks"
	"slugc/buildpacks/toolchain"
)

// ensure fetches the toolchains that the group asks for. A Ruby app that names no version stays on
// the one of its last build as long as that can be had (languages.md 2.2): a new release must not
// move an app that nobody touched.
func (b *build) ensure(ctx context.Context, store *toolchain.Store, g *group) ([]toolchain.Toolchain, error) {
	asked := buildpacks.Requests(g.chosen)
	sticky := buildpacks.Sticky(asked, b.lastRuntimes())
	tools, err := store.Ensure(ctx, sticky, progress{b.Report})
	if none, ok := errors.AsType[*toolchain.Unavailable](err); ok && none.From == buildpacks.FromLastBuild {
		b.Report.Detail(none.Error())
		return store.Ensure(ctx, asked, progress{b.Report})
	}
	return tools, err
}

// lastRuntimes are the versions of the last build that succeeded, by tool.
func (b *build) lastRuntimes() map[string]string {
	record := b.app.Record()
	var last Result
	if record == nil || json.Unmarshal(record.Result, &last) != nil {
		return nil
	}
	versions := map[string]string{}
	for _, r := range last.Runtimes {
		versions[r.Name] = r.Version
	}
	return versions
}
