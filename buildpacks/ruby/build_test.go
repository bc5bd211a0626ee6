package ruby_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCaches builds one app after a series of changes and looks at what was run and fetched.
func TestCaches(t *testing.T) {
	b := newBench(t)
	tree := fixture(t, "ruby-sinatra-puma")
	cold := b.mustBuild(tree)
	contains(t, cold.log, "Using Ruby 3.1.2 (a test), from Debian packages",
		"Running bundle install with Bundler 2.3.7: nothing is cached",
		"Installing puma 5.6.5 with native extensions")
	if strings.Contains(cold.log, "webrick") {
		t.Errorf("a gem of the development group is installed:\n%s", cold.log)
	}
	first := b.digest("ruby", "ruby-gems", "ruby-profile")

	line := b.mustBuild(tree.with("app.rb", tree["app.rb"]+"# changed\n"))
	contains(t, line.log, "from the cache", "Using the gems from the cache, unchanged since the last build")
	lacks(t, line.log, "bundle install", "Fetching")
	if len(line.hits) > 0 {
		t.Errorf("a change of one line asks the gem source for %v", line.hits)
	}
	if again := b.digest("ruby", "ruby-gems", "ruby-profile"); again != first {
		t.Error("a change of one line changes the layers")
	}

	added := tree.with("Gemfile", tree["Gemfile"]+"gem \"rake\"\n", "Gemfile.lock",
		strings.NewReplacer("\n    ruby2_keywords (0", "\n    rake (13.0.6)\n    ruby2_keywords (0", "  sinatra (~> 3.0)\n", "  rake\n  sinatra (~> 3.0)\n").Replace(tree["Gemfile.lock"]))
	more := b.mustBuild(added)
	contains(t, more.log, "Gemfile, Gemfile.lock changed", "Installing rake 13.0.6")
	lacks(t, more.log, "Installing puma")
	if want := "/gems/rake-13.0.6.gem"; !slices.Contains(more.hits, want) ||
		slices.Contains(more.hits, "/gems/puma-5.6.5.gem") {
		t.Errorf("asks for %v, want %s and no puma", more.hits, want)
	}

	back := b.mustBuild(tree)
	contains(t, back.log, "Removing rake (13.0.6)")
	if again := b.digest("ruby", "ruby-gems", "ruby-profile"); again != first {
		t.Error("the gems differ after one came and went")
	}

	b.breakOff()
	anew := b.mustBuild(tree)
	contains(t, anew.log, "nothing is cached", "Installing puma 5.6.5")
	if again := b.digest("ruby", "ruby-gems", "ruby-profile"); again != first {
		t.Error("two builds from nothing differ")
	}

	b.env["BUNDLE_WITHOUT"] = "test"
	groups := b.mustBuild(tree)
	contains(t, groups.log, "BUNDLE_WITHOUT changed", "Installing webrick")

	b.env["CFLAGS"] = "-O1"
	flags := b.mustBuild(tree)
	contains(t, flags.log, "build configuration changed", "Installing puma")
}

// TestLayers looks at what a build leaves in the layers and in the app.
func TestLayers(t *testing.T) {
	b := newBench(t)
	tree := fixture(t, "ruby-sinatra-puma")
	o := b.mustBuild(tree)
	for _, name := range []string{"ruby/bin/ruby", "ruby/lib/ruby/3.1.0/rubygems/defaults/operating_system.rb",
		"ruby-gems/ruby/3.1.0/bin/puma", "ruby-profile/profile.d/ruby.sh", "ruby-downloads/cache",
		"launch.sbom.cdx.json"} {
		if _, err := os.Lstat(b.layer(name)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"ruby/include", "ruby-gems/ruby/3.1.0/cache",
		"ruby-gems/ruby/3.1.0/gems/puma-5.6.5/ext/puma_http11/Makefile", "ruby-gems/lib"} {
		if _, err := os.Lstat(b.layer(name)); err == nil {
			t.Errorf("%s is there", name)
		}
	}
	entries, err := os.ReadDir(b.path("app"))
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{".layers", "Gemfile", "Gemfile.lock", "app.rb", "config.ru", "want.json"},
		names); diff != "" {
		t.Errorf("the app (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"web": "bundle exec puma -b tcp://0.0.0.0:${PORT:-5000}",
		"console": "bundle exec irb"}, o.processes()); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
	bill, err := os.ReadFile(b.layer("launch.sbom.cdx.json"))
	must(t, err)
	for _, purl := range []string{`"pkg:generic/ruby@3.1.2"`, `"pkg:gem/puma@5.6.5"`,
		`"pkg:gem/nio4r@2.5.8?platform=x86_64-linux"`, `"pkg:gem/bundler@2.3.7"`} {
		if !strings.Contains(string(bill), purl) {
			t.Errorf("the bill of materials has no %s", purl)
		}
	}
	if strings.Contains(string(bill), "webrick") {
		t.Error("the bill of materials has a gem that is not installed")
	}
	leftovers, err := os.ReadDir(b.path("tmp"))
	must(t, err)
	if len(leftovers) > 0 {
		t.Errorf("left in the temporary directory: %v", leftovers)
	}
	for _, file := range b.texts("ruby-gems", "ruby-profile/bundle") {
		text, err := os.ReadFile(file)
		must(t, err)
		if strings.Contains(string(text), b.root) {
			t.Errorf("%s names the build's directory", file)
		}
	}
}

// texts lists the files of parts of layers that are not compiled.
func (b *bench) texts(parts ...string) (list []string) {
	for _, part := range parts {
		must(b.t, filepath.WalkDir(b.layer(part), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && filepath.Ext(path) != ".so" && !strings.Contains(path, "/env") {
				list = append(list, path)
			}
			return err
		}))
	}
	return list
}

// digest is a digest of the names, modes and contents of layers.
func (b *bench) digest(layers ...string) string {
	b.t.Helper()
	all := sha256.New()
	for _, layer := range layers {
		must(b.t, filepath.WalkDir(b.layer(layer), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			fmt.Fprintf(all, "%s %s ", path, info.Mode())
			switch d.Type() {
			case fs.ModeSymlink:
				link, err := os.Readlink(path)
				fmt.Fprintln(all, link)
				return err
			case 0:
				data, err := os.ReadFile(path)
				fmt.Fprintf(all, "%x\n", sha256.Sum256(data))
				return err
			}
			return nil
		}))
	}
	return hex.EncodeToString(all.Sum(nil))
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("does not say %q:\n%s", part, text)
		}
	}
}

func lacks(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("says %q:\n%s", part, text)
		}
	}
}
