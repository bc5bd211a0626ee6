package golang

import (
	"fmt"
	"slices"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
)

// findToolchain takes the Go that the platform has fetched. Under a platform that fetches none, the
// buildpack does it itself, into a cache layer.
func (b *work) findToolchain() error {
	given, err := extension.Toolchains(b.cnb.Platform.Path)
	if err != nil {
		return fmt.Errorf("finding the Go toolchain: %w", err)
	}
	if i := slices.IndexFunc(given, func(t toolchain.Toolchain) bool { return t.Tool == "go" }); i >= 0 {
		b.goTool = given[i]
		return nil
	}
	dir, err := b.layer("toolchains", libcnb.LayerTypes{Cache: true})
	if err != nil {
		return err
	}
	store, err := toolchain.Open(dir, toolchain.Settings{
		GoProxy: b.proxy(), GoSumDB: b.env.vars["GOSUMDB"], GoNoSumDB: b.env.vars["GONOSUMDB"],
	})
	if err != nil {
		return fmt.Errorf("finding the Go toolchain: %w", err)
	}
	wants := b.wants
	if len(wants) == 0 {
		wants = []toolchain.Request{{Tool: "go", From: "default"}}
	}
	b.say.Step("Installing Go")
	got, err := store.Ensure(b.ctx, wants[:1], &language.Notes{Log: b.say})
	if err != nil {
		return language.NoToolchain("go", err)
	}
	b.goTool = got[0]
	return nil
}

// proxy is GOPROXY where it is set. The go command's own default is not written down here: without
// it, the store takes the distribution at go.dev.
func (b *work) proxy() string { return b.env.vars["GOPROXY"] }
