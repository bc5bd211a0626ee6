// Package toolchain finds, fetches, verifies and unpacks language runtimes and package managers:
// from a constraint to a directory.
//
// Every tool has an ordered list of sources, one file a source. A source lists versions and fetches
// one, verified by checksum before a byte of it is used. A source that refuses is reported in one
// line and the next is tried; when none serves, the error lists each with its reason. Base
// addresses are settings: an air-gapped mirror is a setting, not a fork.
//
// What was fetched lies in a [Store]: a directory shared by all apps, written only here, read-only
// for every build, one directory a tool, version and platform, put in place by one rename.
// Concurrent use from any number of processes is safe.
//
// The sources, in order (design.md section 6):
//
//	node             a nodejs.org-layout distribution; the npm registry's node-‹os›-‹arch› with an npm added
//	npm, pnpm, yarn  the npm registry's packages; yarn from 2 on is @yarnpkg/cli-dist, pnpm from 12 on has its program in @pnpm/exe.‹os›-‹arch›
//	bun              the npm registry's @oven/bun-‹os›-‹arch›
//	go               the module golang.org/toolchain with the checksum database; a go.dev/dl-layout distribution; the machine's own
//	ruby             a mirror of prebuilt Rubies; Debian's packages, unpacked; a copy of the machine's own
//	jdk              Adoptium's API or a mirror of it; a copy of the machine's own; Debian's packages, unpacked
//	leiningen        the authors' releases or a mirror of them; Debian's package
//	clojure          the authors' releases or a mirror of them; Debian's packages of tools.deps
//
// What a constraint was resolved to stands for a day, and so do listings: until then no network is
// touched for what the store holds.
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
	// of the artefact as the source states it: "sha256:…", "sha512-…", "h1:…"
	Digest string `json:"digest,omitempty"`
	// Derived are directories that the platform made from the toolchain ([Store.Derived]), as their
	// reader sees them, by what they are for. All apps share them: they are to be read, never
	// written or linked to. A build without one gives the same result, later. It is set only in
	// what a platform tells its buildpacks.
	Derived map[string]string `json:"derived,omitempty"`
}
