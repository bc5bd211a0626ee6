package buildpacks

import (
	"slices"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/clojure"
	"slugc/buildpacks/golang"
	"slugc/buildpacks/language"
	"slugc/buildpacks/node"
	"slugc/buildpacks/ruby"
	"slugc/buildpacks/toolchain"
	"slugc/detect"
)

// Language is what slugc knows of a language besides its detector: the built-in buildpack, the
// tools, and what the platform does for it. Hooks may be nil.
type Language struct {
	Name  detect.Language
	Title string // for people: "Node.js"

	// The buildpack.
	ID, Version string
	Detect      libcnb.DetectFunc
	Build       libcnb.BuildFunc

	// Tools are the toolchains that apps of the language ask for, as package toolchain calls them.
	Tools []string
	// StickyTools have a default version that changes with every release of the language. An app
	// that names no version stays on the version of its last build.
	StickyTools []string
	// Programs are those of the builder machine that some apps need, and for what.
	Programs []Program
	// Settings are the variables of the builder machine that the buildpack's process gets: where
	// packages come from.
	Settings []string

	// Refuses reports whether the buildpack refuses the app, so that nothing is fetched for it.
	Refuses func(app any) bool
	// Metadata is what the buildpack must know of its place in the group, for its entry of the build
	// plan.
	Metadata func(app any) []Metadata
	// Runtime is what the language's apps run on, nil where they need nothing besides themselves.
	Runtime *language.Runtime
	// Precompile says what can be compiled once from a tool for all apps, nil for nothing.
	Precompile func(PrecompileInput) *Precompiled
}

// Program is a program of the builder machine.
type Program struct{ Name, For string }

// Metadata is one value of a build plan entry.
type Metadata struct {
	Entry, Key string
	Value      any
}

// Languages holds every language slugc can build, in the order of their buildpacks.
var Languages = []Language{
	{
		Name: detect.Go, Title: "Go",
		ID: golang.ID, Version: golang.Version, Detect: golang.Detect, Build: golang.Build,
		Tools:      []string{"go"},
		Programs:   []Program{{"gcc", "cgo"}},
		Settings:   []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE"},
		Precompile: standardLibrary,
	},
	{
		Name: detect.Clojure, Title: "Clojure",
		ID: clojure.ID, Version: clojure.Version, Detect: clojure.Detect, Build: clojure.Build,
		Tools:    []string{"jdk", "leiningen", "clojure"},
		Settings: []string{clojure.MirrorEnv},
		Runtime:  &clojure.Runtime,
	},
	{
		Name: detect.Node, Title: "Node.js",
		ID: node.ID, Version: node.Version, Detect: node.Detect, Build: node.Build,
		Tools:    []string{"node", "npm", "yarn", "pnpm", "bun", "sirv-cli"},
		Programs: []Program{{"gcc", nativeCode}, {"make", nativeCode}, {"python3", "node-gyp"}},
		Settings: []string{node.RegistrySetting},
		Metadata: assisting,
		Runtime:  &node.Runtime,
	},
	{
		Name: detect.Ruby, Title: "Ruby",
		ID: ruby.ID, Version: ruby.Version, Detect: ruby.Detect, Build: ruby.Build,
		Tools:       []string{"ruby"},
		StickyTools: []string{"ruby"},
		Programs:    []Program{{"gcc", nativeCode}, {"make", nativeCode}},
		Settings:    []string{ruby.MirrorEnv},
		Refuses:     notMRI,
		Runtime:     &ruby.Runtime,
	},
}

const nativeCode = "native extensions"

// For returns a language's entry.
func For(name detect.Language) (Language, bool) {
	i := slices.IndexFunc(Languages, func(l Language) bool { return l.Name == name })
	if i < 0 {
		return Language{}, false
	}
	return Languages[i], true
}

// ByID returns the entry of the language whose buildpack has the id.
func ByID(id string) (Language, bool) {
	i := slices.IndexFunc(Languages, func(l Language) bool { return l.ID == id })
	if i < 0 {
		return Language{}, false
	}
	return Languages[i], true
}

// Title is a language's name for people, "" for an unknown one.
func Title(name detect.Language) string {
	l, _ := For(name)
	return l.Title
}

// Settings lists the machine's variables that the buildpacks of the chosen languages get.
func Settings(chosen []detect.Result) (names []string) {
	for _, r := range chosen {
		l, _ := For(r.Language)
		names = append(names, l.Settings...)
	}
	return names
}

// MetadataOf is what the buildpack of a chosen language must know of its place in the group.
func MetadataOf(chosen detect.Result) []Metadata {
	if l, _ := For(chosen.Language); l.Metadata != nil {
		return l.Metadata(chosen.App)
	}
	return nil
}

// Requests lists the toolchains that the chosen languages ask for. Tools that are not fetched, such
// as Bundler, are left out.
func Requests(chosen []detect.Result) (list []toolchain.Request) {
	for _, result := range chosen {
		if l, _ := For(result.Language); l.Refuses != nil && l.Refuses(result.App) {
			continue
		}
		for _, r := range result.Requires {
			if _, ok := languageOf(r.Tool); ok {
				list = append(list, language.Request(r))
			}
		}
	}
	return list
}

// languageOf returns the language that a tool belongs to.
func languageOf(tool string) (Language, bool) {
	for _, l := range Languages {
		if slices.Contains(l.Tools, tool) {
			return l, true
		}
	}
	return Language{}, false
}

// FromLastBuild is the From of a request for the last build's version.
const FromLastBuild = "the last build"

// Sticky returns the requests with the last build's versions (by tool) for sticky tools of which no
// version is asked for. The requests given are not changed.
func Sticky(requests []toolchain.Request, last map[string]string) []toolchain.Request {
	requests = slices.Clone(requests)
	for i, r := range requests {
		l, _ := languageOf(r.Tool)
		if version := last[r.Tool]; r.Constraint == "" && version != "" && slices.Contains(l.StickyTools, r.Tool) {
			requests[i].Constraint, requests[i].From = version, FromLastBuild
		}
	}
	return requests
}

// assisting tells Node's buildpack that another language is the primary one.
func assisting(app any) []Metadata {
	if app, ok := app.(*detect.NodeApp); ok && app.Assisting {
		return []Metadata{{Entry: "node", Key: "assisting", Value: true}}
	}
	return nil
}

// notMRI reports whether a Ruby app wants another engine than MRI, the only one that can be built.
func notMRI(app any) bool {
	ruby, ok := app.(*detect.RubyApp)
	return ok && ruby.Engine != "ruby"
}
