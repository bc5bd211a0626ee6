package golang

import (
	"path/filepath"
	"slices"

	"slugc/buildpacks/diagnosis"
	"slugc/detect"
	"slugc/detect/lazyregexp"
)

// tooOld matches what a Go says of what a newer one may take: a module or its go.mod asks for it, or a
// package of the standard library came later.
var tooOld = lazyregexp.New(`note: module requires Go |requires go >= |invalid go version |` +
	`unknown (?:directive|block type): |package [^\s.]+ is not in (?:std|GOROOT)|` +
	`malformed module path "[^".]+": missing dot in first path element`)

// lacking matches what the compiler says of something that a package does not have. The package's name is
// one of the submatches.
var lacking = lazyregexp.New(`undefined: (\w+)\.\w|\(type \*?(\w+)\.\w+ has no field or method |` +
	`unknown field \w+ in struct literal of type \*?(\w+)\.`)

// isTooOld reports whether a newer Go may build what this one failed at, and the app leaves the choice to
// us: its go line is a minimum. To report it of an app that no Go can build costs a second try.
func (b *work) isTooOld(output []byte) bool {
	i := slices.IndexFunc(b.wants, func(r detect.Requirement) bool { return r.Tool == "go" })
	if i < 0 || b.wants[i].Newer == "" {
		return false
	}
	if tooOld.Match(output) {
		return true
	}
	for _, m := range lacking.FindAllStringSubmatch(string(output), -1) {
		if b.isStandard(m[1] + m[2] + m[3]) {
			return true
		}
	}
	return false
}

// isStandard reports whether the standard library has a package of this name, whatever its directory.
func (b *work) isStandard(name string) bool {
	for _, pattern := range []string{"", "*", "*/*"} {
		if found, _ := filepath.Glob(filepath.Join(b.goTool.Dir, "src", pattern, name)); len(found) > 0 {
			return true
		}
	}
	return false
}

// newerPatterns are a compiler's failures at a module that asks for a newer Go than this release.
func newerPatterns(release string) []diagnosis.Pattern {
	const requires = `(?m)^# (\S+).*\n(?:[^#\n].*\n)*?note: module requires Go ([\w.]+)`
	return []diagnosis.Pattern{pattern("version-too-new", requires, "go.mod",
		"The package $1 requires Go $2 or newer, and this build uses Go "+release+".",
		"ask for Go $2 or newer: in the go line of go.mod, in `+heroku goVersion`, or with SLUGC_GO_VERSION",
		"or require an older version of the module")}
}
