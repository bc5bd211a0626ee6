// Package detect finds out which languages a source tree is written in and which versions of their
// tools it asks for. There is one detector per language ([ForRuby], [ForGo], [ForClojure],
// [ForNode]); [All] runs them, and [Group] chooses from their verdicts the languages that build the
// tree:
//
//	in := detect.Input{FS: os.DirFS("shop"), Env: map[string]string{"SLUGC_NODE_VERSION": "22"}}
//	group, err := detect.Group(in, detect.All(in))
//	// group[0].Language is "node", group[1].Language is "ruby"
//
// A [Result] carries the reasons for and against its language, the versions the app requires and
// where each of them is written, and in [Result.App] the facts that the language's buildpack needs
// later: package manager, lock file, scripts, main packages.
//
// An app in a directory of a repository may use what is around it: [Select] finds out what a build of it must
// have, and Input.Member is then where the app is in that.
//
// Detectors only read files, through an [io/fs.FS], and at most a few megabytes of each. They look
// at the root directory (and at the members of a workspace), compare names case-sensitively, and
// follow no link out of the tree. They run no tools and resolve no versions: package toolchain
// does. The same tree and environment always have the same result. All functions may be called
// concurrently.
package detect

import "io/fs"

// Language is the name of a language that slugc builds.
type Language string

// The languages that have a detector.
const (
	Ruby    Language = "ruby"
	Node    Language = "node"
	Go      Language = "go"
	Clojure Language = "clojure"
)

// Input is what a detector reads.
type Input struct {
	FS  fs.FS             // the app's root, or that of what a member is staged with
	Env map[string]string // build configuration (SLUGC_NODE_VERSION …); may be nil
	// Member is the app's directory in FS, slash-separated: "apps/api" ([Select]). "" is all of FS. Names in a
	// Result are relative to it.
	Member string
}

// Result is what one detector reports. Pass is true exactly when the language's buildpack can be
// chosen for the tree (alone or as an assistant). Reasons is never empty.
type Result struct {
	Language Language      `json:"language"`
	Pass     bool          `json:"pass"`
	Reasons  []Reason      `json:"reasons"`            // in the order they were found
	Requires []Requirement `json:"requires,omitempty"` // runtimes and tools, the runtime first
	Warnings []string      `json:"warnings,omitempty"` // one sentence each; it names the files it is about
	// App holds the language's facts: *NodeApp, *GoApp, *RubyApp or *ClojureApp; nil when Pass is
	// false.
	App any `json:"-"`
}

// Reason is one observation for or against a language.
type Reason struct {
	For  bool   `json:"for"`            // it speaks for the language
	Text string `json:"text"`           // "found Gemfile", "no package.json"
	File string `json:"file,omitempty"` // the file it is about, slash-separated, relative to the root
}

// Requirement is a runtime or tool the app needs: which versions it accepts, and where that is
// written. The grammar of Constraint is the tool's:
//
//   - node: an npm range (package npmrange), or lts/* or lts/‹codename›, which package toolchain
//     resolves; "*" is any release.
//   - npm, yarn, pnpm, bun: an npm range. Tool "yarn" is yarn 1 as well as berry (yarn 2 and
//     later); NodeApp.Manager tells them apart.
//   - go: comparators that must all hold, such as ">=1.25.1 <1.26" (package gorange), which ask for
//     the newest release that satisfies them; with Exact one version, "1.25.1". A go or toolchain
//     directive is a minimum and asks for the newest patch of its minor line, so it always has the
//     first form.
//   - ruby, bundler, jruby: a RubyGems requirement, such as "~> 3.3" or ">= 3.1, < 3.5"; with Exact
//     one version, "3.3.9", "3.4.0.rc1", "9.4.2.0".
//   - jdk: a feature release ("21", and "8" for 1.8), or with Exact a full version ("21.0.5",
//     "1.8.0_392"). JDK.Distribution has the distribution, if one is named.
//   - leiningen: an npm range, "2.x" or ">=2.9.1 <3". clojure (its CLI): with Exact a full version,
//     "1.12.4.1597".
type Requirement struct {
	// Tool is "node", "npm", "yarn", "pnpm", "bun", "sirv-cli", "go", "ruby", "jruby", "bundler", "jdk",
	// "leiningen" or "clojure".
	Tool       string `json:"tool"`
	Constraint string `json:"constraint"` // in the tool's own grammar, see above; "" asks for the default
	// From is where the constraint is written: "package.json engines.node", ".nvmrc",
	// "SLUGC_NODE_VERSION"; "default" where it is written nowhere.
	From  string `json:"from"`
	Exact bool   `json:"exact"`          // the constraint is one version
	Hash  string `json:"hash,omitempty"` // "sha512.<hex>": digest of the pinned archive (packageManager field)
	// Newer is the constraint of the versions that serve too, where those of Constraint cannot be had or
	// cannot build the app; "" where only Constraint counts.
	Newer string `json:"-"`
}

// Error reports a tree that is of the language but too broken to build: an unreadable manifest,
// contradicting lock files. The app's owner then reads what is wrong with the file instead of "no
// language was recognised". Its fields are those of a buildpack's diagnosis.
type Error struct {
	ID      string // "node/package-json-invalid"
	Summary string
	Place   string   // "package.json:3:7", "go.mod", "package.json engines.node"
	Hints   []string // what to do, most likely remedy first
	// Weak is set where the tree has only weak signs of the language: the error does not count when
	// another language passes.
	Weak bool
}

// Error returns the summary.
func (e *Error) Error() string { return e.Summary }
