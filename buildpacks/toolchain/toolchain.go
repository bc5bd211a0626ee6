// Package toolchain is the store of language runtimes and package managers: from a version
// constraint to a directory.
//
// A [Store] is a directory shared by all apps, written only here, read-only for every build. It has
// one directory for each tool, version and platform, put in place by one rename, so concurrent use
// from any number of processes is safe. [Store.Ensure] answers each [Request] with a [Toolchain]:
//
//	store, err := toolchain.Open(dir, toolchain.Settings{NpmRegistry: registry, GoProxy: proxy, GoSumDB: db})
//	tools, err := store.Ensure(ctx, []toolchain.Request{{Tool: "node", Constraint: ">=22"}}, nil)
//	node := filepath.Join(tools[0].Dir, "bin", "node")
//
// A [Lease] is how a build uses a store: until it ends, nothing that it was given is pruned or
// replaced. Every tree has a manifest of its files' digests, made from verified bytes, and is compared
// with it by stats when it is used (package manifest). A damaged one is fetched again. What is made
// from toolchains for all apps ([Lease.Derived]) is in the store too, with manifests of its own.
//
// Every tool has an ordered list of sources. A source lists versions and fetches one, verified by
// checksum before a byte of it is used. A source that refuses is reported in one line and the next
// is tried; when none serves, the error lists each with its reason ([Unavailable]). Where sources
// lie is a setting ([Settings]): an air-gapped mirror is a setting, not a fork. The sources, in
// order:
//
//	node                  a nodejs.org-layout distribution; the npm registry
//	npm, pnpm, yarn, bun  the npm registry
//	go                    module proxies with the checksum database; a go.dev/dl-layout distribution;
//	                      the machine's own
//	ruby                  a mirror of prebuilt Rubies; Debian's packages; a copy of the machine's own
//	jdk                   Adoptium's API or a mirror of it; a copy of the machine's own; Debian's packages
//	leiningen, clojure    the authors' releases or a mirror of them; Debian's packages
//
// What a constraint was resolved to stands for a day, and so do listings: until then no network is
// touched for what the store holds.
//
// # Where a tool's code lies
//
// Imports lead one way. This package is the store, and knows tools and sources only by the types of
// package source; one file of it, catalogue.go, lists the tools. A folder for each tool (node,
// golang, ruby, jdk, clojure) holds its grammar of versions and its own sources. Two shapes of
// sources are shared: package archive (an archive with a published checksum) and package apt
// (Debian's packages). They and the tools work in the environment of package source, and no tool
// imports another.
//
// A new source is a [slugc/buildpacks/toolchain/source.Source] in its tool's list: the store, its
// errors and [Store.CheckSources] then know it.
package toolchain

// Request asks for a tool.
type Request struct {
	Tool       string // "node", "npm", "yarn", "pnpm", "bun", "go", "ruby", "jdk", "leiningen", "clojure"
	Constraint string // in the tool's grammar; "" asks for the default
	From       string // who asks, for people: "package.json engines.node"
	Hash       string // "sha512.<hex>" of the artefact where the app pins it, else ""
}

// Toolchain is a tool in the store: what was chosen, from where, and what asked for it. It is
// recorded in the slug.
type Toolchain struct {
	Tool      string `json:"name"`
	Version   string `json:"version"`   // "22.23.3", "1.25.14"
	Source    string `json:"source"`    // the source's name: "nodejs.org", "npm registry", "go module proxy"
	Requested string `json:"requested"` // the constraint as it was asked
	From      string `json:"from"`      // who asked
	Dir       string `json:"dir"`       // the tree's root (bin/ inside), as its reader sees it
	// Digest is of the artefact, as the source states it: "sha256:…", "sha512-…", "h1:…".
	Digest string `json:"digest,omitempty"`
	// Derived are directories that the platform made from the toolchain ([Store.Derived]), as their
	// reader sees them, by purpose. All apps share them, so they must be read only, never
	// written or linked to. A build without one has the same result, later. It is set only
	// in what a platform passes to its buildpacks.
	Derived map[string]string `json:"derived,omitempty"`
}
