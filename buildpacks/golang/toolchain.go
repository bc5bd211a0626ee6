package golang

import (
	"fmt"

	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
)

// findToolchain takes the Go that the platform fetched. Under a platform that fetches none, the
// buildpack fetches one itself. Without GOPROXY the store takes the distribution at go.dev, and with it
// the platform must set GOSUMDB too.
func (b *work) findToolchain() error {
	tools, err := b.Toolchains()
	if err != nil {
		return fmt.Errorf("finding the Go toolchain: %w", err)
	}
	if t, ok := tools["go"]; ok {
		b.goTool = t
		return nil
	}
	b.Log.Step("Installing Go")
	b.goTool, err = b.Fetch("toolchains", toolchain.Settings{
		GoProxy: b.env.vars["GOPROXY"], GoSumDB: b.env.vars["GOSUMDB"], GoNoSumDB: b.env.vars["GONOSUMDB"],
	}, language.RequestFor("go", b.wants))
	return err
}
