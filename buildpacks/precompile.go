package buildpacks

import (
	"slices"
	"slugc/buildpacks/golang"
	"slugc/buildpacks/toolchain"
	"slugc/detect"
)

// PrecompileInput is what is compiled and for what. Paths are as the command sees them.
type PrecompileInput struct {
	App      []detect.Result // what was learned about the app that is built
	Tool     toolchain.Toolchain
	Out      string // the directory to fill
	OS, Arch string
	Env      map[string]string // what buildpacks' processes start with
}

// Precompiled is a directory that the platform fills once for a toolchain and shows, read-only, to
// every build that uses it. Its command runs in the sandbox without network and with nothing of an
// app, so that all apps can share the result. A build without the directory only takes longer.
type Precompiled struct {
	// Dir names the directory among those of the toolchain ([toolchain.Store.Derived]). It must
	// change with everything that decides the content.
	Dir   string
	Key   string            // under which buildpacks find it ([toolchain.Toolchain.Derived])
	What  string            // for people: "standard library of Go 1.25.1"
	Phase string            // for the build's phases: "standard library"
	Args  []string          // the command
	Env   map[string]string // its environment without HOME
	// Optional means that the app uses the directory if it is there, and that making it is not worth its while.
	Optional bool
}

// Precompile says what can be compiled once from a tool, nil for nothing.
func Precompile(in PrecompileInput) *Precompiled {
	if l, _ := languageOf(in.Tool.Tool); l.Precompile != nil {
		return l.Precompile(in)
	}
	return nil
}

// standardLibrary is Go's. An app that needs little of it compiles that itself sooner.
func standardLibrary(in PrecompileInput) *Precompiled {
	small := slices.ContainsFunc(in.App, func(found detect.Result) bool {
		app, ok := found.App.(*detect.GoApp)
		return ok && !app.Web
	})
	seed := golang.NewSeed(in.Tool.Version, in.Tool.Dir, in.Out, in.OS, in.Arch, in.Env)
	return &Precompiled{
		Dir: seed.Name, Key: golang.SeedName, Args: seed.Args, Env: seed.Env,
		What: "standard library of Go " + in.Tool.Version, Phase: "standard library", Optional: small,
	}
}
