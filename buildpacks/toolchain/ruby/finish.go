package ruby

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"slugc/detect/lazyregexp"
)

// needless are parts of a Ruby that no build reads.
var needless = []string{
	"share/doc", "share/man", "share/ri", "lib/*.a", "lib/*/*.a", "lib/pkgconfig", "lib/*/pkgconfig",
	"lib/ruby/gems/*/cache", "lib/ruby/gems/*/doc",
}

// finish checks a tree, makes its scripts find their Ruby on PATH, and drops what no build reads.
func finish(tree, version string) error {
	info, err := os.Stat(filepath.Join(tree, "bin", "ruby"))
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return errors.New("unpacking ruby: there is no bin/ruby in it")
	}
	if err := verify(tree, version); err != nil {
		return fmt.Errorf("unpacking ruby: %w", err)
	}
	for _, pattern := range needless {
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

var shebang = lazyregexp.New(`^#!\s*/\S*/ruby\S*[^\n]*\n`)

const maxScript = 1 << 20 // bytes

// relocateScripts makes the scripts of bin start by the Ruby on PATH, wherever the tree lies.
func relocateScripts(bin string) error {
	entries, err := os.ReadDir(bin)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := filepath.Join(bin, entry.Name())
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxScript {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		head := shebang.Find(text)
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

// defaults is loaded by RubyGems at every start. It keeps a Ruby whose paths were compiled in for
// another place to its own tree: gems of the machine are not this Ruby's.
const defaults = `# Keeps RubyGems and the load path inside this Ruby's own directory.
module Gem
  def self.default_dir
    File.join(RbConfig::CONFIG["prefix"], "lib/ruby/gems", RbConfig::CONFIG["ruby_version"])
  end

  def self.default_path
    [default_dir]
  end
end

$LOAD_PATH.reject! do |dir|
  dir.match?(%r{\A/usr/(local/)?lib/.*(site_ruby|vendor_ruby|ruby/\d)}) && ` +
	`!dir.start_with?(RbConfig::CONFIG["prefix"] + "/")
end
`

// writeDefaults writes defaults into a tree whose standard library is lib/ruby/‹abi›.
func writeDefaults(tree, version string) error {
	dir := filepath.Join(tree, "lib", "ruby", abi(version), "rubygems", "defaults")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "operating_system.rb"), []byte(defaults), 0o644)
}
