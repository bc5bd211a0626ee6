package toolchain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	gems "deps.dev/util/semver"

	"slugc/detect/lazyregexp"
)

// rubyTool is Ruby. A constraint is a RubyGems requirement, "~> 3.3" or ">= 3.1, < 3.5", or one
// version; "" asks for the newest release of the first source that answers. Pre-releases serve only
// a constraint that names one (languages.md 2.2).
func rubyTool(st *Store) *tool {
	return &tool{
		parse:   parseRuby,
		compare: compareRuby,
		sources: []source{&rubyMirror{st}, &debianRuby{st}, &localRuby{st}},
	}
}

var (
	rubyVersion = lazyregexp.New(`^\d+\.\d+\.\d+(?:\.(?:preview|rc|dev|alpha|beta)\d*)?$`)
	rubyRelease = lazyregexp.New(`^\d+\.\d+\.\d+$`)
	rubyClause  = lazyregexp.New(`^(?:=|!=|>|<|>=|<=|~>)?\s*\d+(?:\.[0-9A-Za-z]+)*$`)
)

// compareRuby orders versions as Gem::Version does.
func compareRuby(a, b string) int { return gems.RubyGems.Compare(a, b) }

func parseRuby(constraint string) (*want, error) {
	text := strings.TrimSpace(constraint)
	if text == "" {
		text = ">= 0"
	}
	if len(text) > 256 {
		return nil, errors.New("it is longer than 256 characters")
	}
	for clause := range strings.SplitSeq(text, ",") {
		if !rubyClause.MatchString(strings.TrimSpace(clause)) {
			return nil, errors.New("it is not a requirement as RubyGems knows it")
		}
	}
	w := &want{}
	if exact := strings.TrimSpace(strings.TrimPrefix(text, "=")); rubyVersion.MatchString(exact) {
		w.exact = exact
		w.match = func(v string) bool { return v == exact }
	} else {
		c, err := gems.RubyGems.ParseConstraint(text)
		if err != nil {
			return nil, errors.New("it is not a requirement as RubyGems knows it")
		}
		early := strings.ContainsFunc(text, func(r rune) bool { return r >= 'a' && r <= 'z' })
		w.match = func(v string) bool { return (early || rubyRelease.MatchString(v)) && c.Match(v) }
	}
	w.pick = func(l *listing) (string, string) { return newest(l.versions, w.match, compareRuby), "" }
	return w, nil
}

// rubiesLike is the error of a source that has no version that fits: it names what the source has,
// the newest first.
func rubiesLike(versions []string) error {
	all := slices.Compact(descending(versions, compareRuby))
	return &noVersion{all[:min(len(all), 12)]}
}

// rubyABI is the directory that a version's libraries lie in: 3.1.0 for 3.1.7.
func rubyABI(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return parts[0] + "." + parts[1] + ".0"
}

var rubyTeeny = lazyregexp.New(`(?m)^\s*CONFIG\["(MAJOR|MINOR|TEENY|PATCHLEVEL)"\] = "(-?\d+)"`)

// rubyIn is the release that a tree's rbconfig.rb says it is; "" for a pre-release and where there
// is none that says.
func rubyIn(tree string) string {
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
		for _, m := range rubyTeeny.FindAllStringSubmatch(string(text), -1) {
			part[m[1]] = m[2]
		}
		if part["MAJOR"] != "" && part["MINOR"] != "" && part["TEENY"] != "" && part["PATCHLEVEL"] != "-1" {
			return part["MAJOR"] + "." + part["MINOR"] + "." + part["TEENY"]
		}
	}
	return ""
}

// checkRuby refuses a tree that is not of the version that its source has given out.
func checkRuby(tree, version string) error {
	if is := rubyIn(tree); is != "" && is != version {
		return fmt.Errorf("it is Ruby %s and not %s", is, version)
	}
	return nil
}

// finishRuby makes a tree of a Ruby whatever its source: a bin/ruby, scripts that find their Ruby
// on PATH, and nothing that no build reads.
func finishRuby(tree, version string) error {
	info, err := os.Stat(filepath.Join(tree, "bin", "ruby"))
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return errors.New("unpacking ruby: there is no bin/ruby in it")
	}
	if err := checkRuby(tree, version); err != nil {
		return fmt.Errorf("unpacking ruby: %w", err)
	}
	for _, pattern := range []string{"share/doc", "share/man", "share/ri", "lib/*.a", "lib/*/*.a", "lib/pkgconfig", "lib/*/pkgconfig", "lib/ruby/gems/*/cache", "lib/ruby/gems/*/doc"} {
		found, err := filepath.Glob(filepath.Join(tree, filepath.FromSlash(pattern)))
		if err != nil {
			return err
		}
		for _, name := range found {
			if err := os.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	return relocateScripts(filepath.Join(tree, "bin"))
}

var rubyShebang = lazyregexp.New(`^#!\s*/\S*/ruby\S*[^\n]*\n`)

// relocateScripts makes the scripts of bin start by the Ruby on PATH, wherever the tree lies.
func relocateScripts(bin string) error {
	entries, err := os.ReadDir(bin)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := filepath.Join(bin, entry.Name())
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		head := rubyShebang.Find(text)
		if head == nil {
			continue
		}
		// WriteFile keeps the mode of a file that is there.
		if err := os.WriteFile(name, append([]byte("#!/usr/bin/env ruby\n"), text[len(head):]...), 0o755); err != nil {
			return fmt.Errorf("rewriting %q: %w", entry.Name(), err)
		}
	}
	return nil
}

// rubyDefaults is loaded by RubyGems at every start. It keeps a Ruby whose paths were compiled in
// for another place to its own tree: gems of the machine are not this Ruby's.
const rubyDefaults = `# Keeps RubyGems and the load path inside this Ruby's own directory.
module Gem
  def self.default_dir
    File.join(RbConfig::CONFIG["prefix"], "lib/ruby/gems", RbConfig::CONFIG["ruby_version"])
  end

  def self.default_path
    [default_dir]
  end
end

$LOAD_PATH.reject! do |dir|
  dir.match?(%r{\A/usr/(local/)?lib/.*(site_ruby|vendor_ruby|ruby/\d)}) && !dir.start_with?(RbConfig::CONFIG["prefix"] + "/")
end
`

// keepInside writes rubyDefaults into a tree whose standard library is lib/ruby/‹abi›.
func keepInside(tree, version string) error {
	dir := filepath.Join(tree, "lib", "ruby", rubyABI(version), "rubygems", "defaults")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "operating_system.rb"), []byte(rubyDefaults), 0o644)
}
