package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/ruby/rubytest"
	"slugc/compiler"
)

// bareRoot makes a root directory of the dynamic linker, libc, libm, sh and env, and of what stands
// for the one device that RubyGems opens.
func bareRoot(t *testing.T, root string) {
	t.Helper()
	loaders, _ := filepath.Glob("/lib*/ld-linux*.so.*")
	libraries, _ := filepath.Glob("/lib/*-linux-gnu/lib[cm].so.6")
	if len(loaders) == 0 || len(libraries) != 2 {
		t.Fatalf("the C library is not where it is expected: %v, %v", loaders, libraries)
	}
	if err := os.MkdirAll(filepath.Join(root, "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "dev", "null"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(append(loaders, libraries...), "/bin/sh", "/usr/bin/env") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRubyRebuild: a change of one line asks the gem source for nothing, and two machines make the
// same slug of the same source.
func TestRubyRebuild(t *testing.T) {
	home, server := state(t), rubytest.Serve(t)
	app := filepath.Join(t.TempDir(), "ruby-sinatra-puma")
	if err := os.CopyFS(app, os.DirFS("../../fixtures/ruby-sinatra-puma")); err != nil {
		t.Fatal(err)
	}
	build := func(home string) (compiler.Result, outcome) {
		t.Helper()
		server.Requests()
		o := slugcIn(t, "", home, []string{"SLUGC_GEM_MIRROR=" + server.URL}, "build", app, "--json")
		if o.exit != 0 {
			t.Fatalf("exit %d\n%s", o.exit, o.stderr)
		}
		return decode[compiler.Result](t, o), o
	}
	first, _ := build(home)
	elsewhere, _ := build(state(t))
	if first.Slug.Digest != elsewhere.Slug.Digest {
		t.Errorf("two machines make %s and %s", first.Slug.Digest, elsewhere.Slug.Digest)
	}
	text, err := os.ReadFile(filepath.Join(app, "app.rb"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(app, "app.rb"), append(text, "# changed\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	_, o := build(home)
	if seen := server.Requests(); len(seen) > 0 || strings.Contains(o.stderr, "bundle install") {
		t.Errorf("a change of one line asks for %v:\n%s", seen, o.stderr)
	}
	for _, layer := range []string{"layer:slugc/ruby:ruby ", "layer:slugc/ruby:ruby-gems "} {
		if !strings.Contains(o.stderr, layer) {
			t.Errorf("no section %s:\n%s", layer, o.stderr)
		}
	}
}

// TestRubyStaysOnItsVersion: an app that names no version of Ruby stays on that of its last build.
func TestRubyStaysOnItsVersion(t *testing.T) {
	home, server := state(t), rubytest.Serve(t)
	app := filepath.Join(t.TempDir(), "plain")
	build := func(config, version string, env ...string) {
		t.Helper()
		for name, text := range map[string]string{
			"Gemfile": "source \"https://gems.example.com\"\ngem \"rack\"\n", "Procfile": "web: ruby -e 'sleep' # " + config + "\n",
			"Gemfile.lock": "GEM\n  remote: https://gems.example.com/\n  specs:\n    rack (2.2.22)\n\nPLATFORMS\n  x86_64-linux\n\nDEPENDENCIES\n  rack\n\nBUNDLED WITH\n   2.3.7\n",
		} {
			if err := os.MkdirAll(app, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(app, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		o := slugcIn(t, "", home, append(env, "SLUGC_GEM_MIRROR="+server.URL), "build", app, "--json")
		if o.exit != 0 {
			t.Fatalf("exit %d\n%s", o.exit, o.stderr)
		}
		result := decode[compiler.Result](t, o)
		if len(result.Runtimes) != 1 || result.Runtimes[0].Version != version {
			t.Errorf("%s gives %+v, want Ruby %s\n%s", config, result.Runtimes, version, o.stderr)
		}
	}
	build("asked for", "3.1.2", "SLUGC_RUBY_VERSION=3.1.2")
	build("not asked for", "3.1.2")
}
