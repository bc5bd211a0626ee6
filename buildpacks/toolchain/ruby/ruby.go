// Package ruby is Ruby as a tool for the toolchain store.
//
// Ruby comes, in this order, from a mirror of prebuilt relocatable Rubies; from Debian's packages,
// unpacked; or as a copy of the machine's own. Whatever the source, the tree has a bin/ruby, and
// scripts that find it on PATH. [Tool] is all there is:
//
//	tool := ruby.Tool(env, debian, ruby.Settings{Mirror: "https://rubies.example.org"})
//
// # Constraints
//
// A constraint is a RubyGems requirement, "~> 3.3" or ">= 3.1, < 3.5", or one version; "" asks for
// the newest release of the first source that answers. Pre-releases serve only a constraint that
// names one, as in RubyGems.
package ruby

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	gems "deps.dev/util/semver"

	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/source"
	"slugc/detect/lazyregexp"
)

// Settings configures the sources of Ruby.
type Settings struct {
	// Mirror is the base of a mirror of prebuilt relocatable Rubies; "" or "off" disables the
	// source. See newMirror for its layout.
	Mirror string
	Local  string // path of a Ruby on the machine, the last resort; "" for none
}

// Tool is Ruby.
func Tool(env *source.Env, debian *apt.Client, set Settings) source.Tool {
	return source.Tool{
		Name:    "ruby",
		Parse:   parse,
		Compare: compare,
		Sources: []source.Source{newMirror(env, set.Mirror), newDebian(debian), &local{env, set.Local}},
		Verify:  verify,
	}
}

var (
	anyVersion = lazyregexp.New(`^\d+\.\d+\.\d+(?:\.(?:preview|rc|dev|alpha|beta)\d*)?$`)
	release    = lazyregexp.New(`^\d+\.\d+\.\d+$`)
	clause     = lazyregexp.New(`^(?:=|!=|>|<|>=|<=|~>)?\s*\d+(?:\.[0-9A-Za-z]+)*$`)
)

const maxConstraint = 256 // characters

// compare orders versions as Gem::Version does.
func compare(a, b string) int { return gems.RubyGems.Compare(a, b) }

var errNoRequirement = errors.New("it is not a requirement as RubyGems knows it")

func parse(constraint string) (*source.Constraint, error) {
	text := strings.TrimSpace(constraint)
	if text == "" {
		text = ">= 0"
	}
	if len(text) > maxConstraint {
		return nil, fmt.Errorf("it is longer than %d characters", maxConstraint)
	}
	for part := range strings.SplitSeq(text, ",") {
		if !clause.MatchString(strings.TrimSpace(part)) {
			return nil, errNoRequirement
		}
	}
	if exact := strings.TrimSpace(strings.TrimPrefix(text, "=")); anyVersion.MatchString(exact) {
		return source.NewestOf(exact, func(v string) bool { return v == exact }, compare), nil
	}
	c, err := gems.RubyGems.ParseConstraint(text)
	if err != nil {
		return nil, errNoRequirement
	}
	early := strings.ContainsFunc(text, func(r rune) bool { return r >= 'a' && r <= 'z' })
	match := func(v string) bool { return (early || release.MatchString(v)) && c.Match(v) }
	return source.NewestOf("", match, compare), nil
}

const maxNearest = 12 // versions in an error

// none is the error of a source that has no version that serves: it names what the source has, the
// newest first.
func none(versions []string) error {
	all := slices.Compact(source.Descending(versions, compare))
	return &source.NoVersionError{Nearest: all[:min(len(all), maxNearest)]}
}

// abi is the name of the directory of a version's libraries: 3.1.0 for 3.1.7.
func abi(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return parts[0] + "." + parts[1] + ".0"
}

var configLine = lazyregexp.New(`(?m)^\s*CONFIG\["(MAJOR|MINOR|TEENY|PATCHLEVEL)"\] = "(-?\d+)"`)

// versionOf is the release that a tree's rbconfig.rb states; "" for a pre-release and where none
// is stated.
func versionOf(tree string) string {
	for _, pattern := range []string{"lib/ruby/*/*/rbconfig.rb", "lib/*/ruby/*/rbconfig.rb"} {
		found, _ := filepath.Glob(filepath.Join(tree, filepath.FromSlash(pattern)))
		if len(found) != 1 {
			continue
		}
		text, err := os.ReadFile(found[0])
		if err != nil {
			continue
		}
		part := map[string]string{}
		for _, m := range configLine.FindAllStringSubmatch(string(text), -1) {
			part[m[1]] = m[2]
		}
		if part["MAJOR"] != "" && part["MINOR"] != "" && part["TEENY"] != "" && part["PATCHLEVEL"] != "-1" {
			return part["MAJOR"] + "." + part["MINOR"] + "." + part["TEENY"]
		}
	}
	return ""
}

// verify refuses a tree that is not of the version that its source has stated.
func verify(tree, version string) error {
	if is := versionOf(tree); is != "" && is != version {
		return fmt.Errorf("it is Ruby %s and not %s", is, version)
	}
	return nil
}
