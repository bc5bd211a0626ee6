// Package detect says what a source tree is: one detector a language, each with reasons for and
// against, the versions the app asks for and where each was read. Detectors read files only,
// through an [io/fs.FS]: no toolchain is run, nothing is written, nothing outside the tree is seen.
// They look at the root only (members of a workspace apart), are case-sensitive, and bound what
// they read.
//
// Detectors are pure: same tree and same environment, same result. They may run concurrently. Facts
// that a buildpack needs later (package manager, lock file, scripts, main packages …) are found
// here once and handed on in [Result.App].
package detect

import "io/fs"

// Language is one of the four.
type Language string

// The languages.
const (
	Ruby    Language = "ruby"
	Node    Language = "node"
	Go      Language = "go"
	Clojure Language = "clojure"
)

// Input is what a detector looks at.
type Input struct {
	FS  fs.FS             // the app's root
	Env map[string]string // build configuration (SLUGC_NODE_VERSION …); never nil in production, may be nil
}

// Result is one detector's verdict. Pass is true exactly when the language's buildpack can be
// chosen for the tree (alone or as an assistant). Reasons are never empty.
type Result struct {
	Language Language      `json:"language"`
	Pass     bool          `json:"pass"`
	Reasons  []Reason      `json:"reasons"`            // in the order they were found
	Requires []Requirement `json:"requires,omitempty"` // runtimes and tools, the runtime first
	Warnings []string      `json:"warnings,omitempty"` // one sentence each, naming files: "two sources disagree …"
	// App holds the language's facts: *NodeApp, *GoApp, *RubyApp or *ClojureApp; nil when Pass is
	// false.
	App any `json:"-"`
}

// Reason is one thing a detector saw, for or against its language.
type Reason struct {
	For  bool   `json:"for"`            // speaks for the language
	Text string `json:"text"`           // "found Gemfile", "no package.json", "package.json is listed in .slugignore"
	File string `json:"file,omitempty"` // the file it speaks of, slash-separated, relative to the root
}

// Requirement is a runtime or tool the app needs: which versions it accepts, and who says so. The
// grammar of Constraint is the tool's:
//
//   - node: an npm range (package npmrange), or lts/* or lts/<codename> for the catalogue to
//     resolve; "*" is any release.
//   - npm, yarn, pnpm, bun: an npm range. Tool "yarn" is yarn 1 and berry alike; NodeApp.Manager
//     tells them apart.
//   - go: comparators that must all hold, such as ">=1.25.1 <1.26" (package gorange), the newest
//     release that satisfies them being wanted; with Exact one version, "1.25.1". A go or toolchain
//     directive is a minimum and asks for the newest patch of its minor line, so it always gives
//     the first form.
//   - ruby, bundler, jruby: a RubyGems requirement, such as "~> 3.3" or ">= 3.1, < 3.5"; with Exact
//     one version, "3.3.9", "3.4.0.rc1", "9.4.2.0".
//   - jdk: a feature release ("21", and "8" for 1.8), or with Exact a full version ("21.0.5",
//     "1.8.0_392"). The distribution, if one is named, is in JDK.Distribution.
//   - leiningen: an npm range, "2.x" or ">=2.9.1 <3". clojure (its CLI): with Exact a full version,
//     "1.12.4.1597".
type Requirement struct {
	// "node", "npm", "yarn", "pnpm", "bun", "go", "ruby", "jruby", "bundler", "jdk", "leiningen",
	// "clojure"
	Tool       string `json:"tool"`
	Constraint string `json:"constraint"` // in the tool's own grammar, see above; "" asks for the default
	// where it was read: "package.json engines.node", ".nvmrc", "SLUGC_NODE_VERSION", "default"
	From  string `json:"from"`
	Exact bool   `json:"exact"`          // the constraint is one version
	Hash  string `json:"hash,omitempty"` // "sha512.<hex>": the pinned artefact's digest (packageManager field)
}

// Error is a tree that is of the language but so broken that no build can start: an unreadable
// manifest, contradicting lock files. A detector returns it instead of a Result with Pass false, so
// that the app's owner hears what is wrong with the file and not "no match". It has the shape of a
// buildpack's diagnosis.
type Error struct {
	ID      string // "node/package-json-invalid"
	Summary string
	Place   string   // "package.json:3:7", "go.mod", "package.json engines.node"
	Hints   []string // what to do, most likely remedy first
	Faint   bool     // a sign of the language and no more: another language that passes is chosen without a word of it
}

// Error returns the summary.
func (e *Error) Error() string { return e.Summary }
