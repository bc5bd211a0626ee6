package ruby_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/ruby"
	"slugc/buildpacks/toolchain/source"
	"slugc/buildpacks/toolchain/toolchaintest"
	"slugc/cache/testkit"
)

func TestConstraints(t *testing.T) {
	t.Parallel()
	env := &source.Env{}
	tool := ruby.Tool(env, apt.NewClient(env, apt.Settings{}), ruby.Settings{})
	l := source.Listing{Versions: []string{
		"2.7.8", "3.0.7", "3.1.2", "3.1.7", "3.2.9", "3.3.0", "3.3.9", "3.3.10", "3.4.0.rc1", "3.4.0", "3.5.0.preview1",
	}}
	toolchaintest.CheckPicks(t, tool, l, [][3]string{
		{"", "3.4.0", ""},
		{">= 0", "3.4.0", ""},
		{"3.3.9", "3.3.9", "3.3.9"},
		{"= 3.3.9", "3.3.9", "3.3.9"},
		{"3.3.8", "", "3.3.8"},
		{"~> 3.1", "3.4.0", ""},
		{"~> 3.1.0", "3.1.7", ""},
		{"~> 3.1.2", "3.1.7", ""},
		{"~> 3.3.1", "3.3.10", ""},
		{"~> 2", "2.7.8", ""},
		{"~> 4.0", "", ""},
		{">= 3.1, < 3.3", "3.2.9", ""},
		{">= 3.1,< 3.5,!= 3.4.0", "3.3.10", ""},
		{"> 3.3.9, < 3.4", "3.3.10", ""},
		{"<= 3.1.2", "3.1.2", ""},
		{"< 2", "", ""},
		{"3.4.0.rc1", "3.4.0.rc1", "3.4.0.rc1"},
		{"~> 3.5.0", "", ""},
		{">= 3.5.0.preview1", "3.5.0.preview1", ""},
		{"> 3.4.0", "", ""},
	}, "three", "^3.1", "~> 3.1;", ">= 3.1 < 3.4", strings.Repeat("3", 300))
}

// mirrorOf publishes tarballs of Rubies, by name, each below a directory of the tarball.
func mirrorOf(t *testing.T, srv *toolchaintest.Server, tops map[string]string) {
	files := map[string][]byte{}
	for name, top := range tops {
		files[name] = toolchaintest.Tarball(t, map[string]string{
			top + "bin/ruby*":             "#!/bin/sh\necho " + name + "\n",
			top + "bin/gem*":              "#!/opt/build/ruby/bin/ruby3.3 -W0\nputs 1\n",
			top + "share/man/man1/ruby.1": "", top + "lib/libruby-static.a": "",
		})
	}
	srv.AddMirror("/rubies", files)
}

func withMirror(srv *toolchaintest.Server) func(*toolchain.Settings) {
	return func(s *toolchain.Settings) { s.RubyMirror = srv.URL + "/rubies/" }
}

func TestMirror(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	mirrorOf(t, srv, map[string]string{
		"ruby-3.3.9.tar.gz":              "",
		"ruby-3.3.10-linux-arm64.tgz":    "",
		"ruby-3.3.8-linux-amd64.tgz":     "x64/",
		"ruby-3.3.8.tgz":                 "wrong/",
		"ruby-3.2.9-ubuntu-24.04.tar.gz": "a/b/",
		"ruby-3.2.9-ubuntu-22.04.tar.gz": "",
		"ruby-3.2.8-darwin-x64.tar.gz":   "",
		"jruby-9.4.0.0.tar.gz":           "",

		"heroku-24/amd64/ruby-3.4.0.rc1.tgz": "",
	})
	st := srv.Open(t.TempDir(), withMirror(srv))
	for _, c := range []struct{ constraint, version, file string }{
		{"", "3.3.9", "ruby-3.3.9.tar.gz"},
		{"3.3.8", "3.3.8", "ruby-3.3.8-linux-amd64.tgz"},
		{"~> 3.2.0", "3.2.9", "ruby-3.2.9-ubuntu-24.04.tar.gz"},
		{"3.4.0.rc1", "3.4.0.rc1", "heroku-24/amd64/ruby-3.4.0.rc1.tgz"},
	} {
		got, _ := toolchaintest.Get(t, st, "ruby", c.constraint)
		out, err := exec.Command(filepath.Join(got.Dir, "bin", "ruby")).Output()
		if err != nil || strings.TrimSpace(string(out)) != c.file {
			t.Errorf("%q is from %q, %v; want %s", c.constraint, out, err, c.file)
		}
		if got.Version != c.version || got.Source != "the Ruby mirror" {
			t.Errorf("%q = %+v, want %s", c.constraint, got, c.version)
		}
		gem := testkit.Read(t, filepath.Join(got.Dir, "bin", "gem"))
		if !strings.HasPrefix(gem, "#!/usr/bin/env ruby\n") {
			t.Errorf("bin/gem starts with %.30q", gem)
		}
		for _, name := range []string{"share/man", "lib/libruby-static.a"} {
			if testkit.Exists(got.Dir, name) {
				t.Errorf("%s is kept", name)
			}
		}
	}
	want := `finding ruby "3.1.1" (test): the Ruby mirror: no version matches (it has 3.4.0.rc1, 3.3.9, 3.3.8, 3.2.9)`
	if err := toolchaintest.Fails(t, st, "ruby", "3.1.1", want); !toolchaintest.IsNotFound(err) {
		t.Errorf("%v does not say that the version does not exist", err)
	}
}

// TestMirrorFaults has tarballs that are not what SHA256SUMS says, or not the Ruby they are named
// for.
func TestMirrorFaults(t *testing.T) {
	t.Parallel()
	const name = "ruby-3.3.9.tar.gz"
	srv := toolchaintest.NewServer(t)
	mirrorOf(t, srv, map[string]string{name: ""})
	srv.Put("/rubies/"+name, toolchaintest.Tarball(t, map[string]string{"bin/ruby*": "#!/bin/sh\n"}))
	toolchaintest.Fails(t, srv.Open(t.TempDir(), withMirror(srv)), "ruby", "3.3.9",
		"the Ruby mirror: verifying ruby-3.3.9.tar.gz: it has the digest sha256:")
	const config = `  CONFIG["MAJOR"] = "3"
  CONFIG["MINOR"] = "3"
  CONFIG["TEENY"] = "2"
  CONFIG["PATCHLEVEL"] = "100"
`
	for want, files := range map[string]map[string]string{
		"there is no bin/ruby in it": {"README": ""},
		"it is Ruby 3.3.2 and not 3.3.9": {
			"bin/ruby*": "#!/bin/sh\n", "lib/ruby/3.3.0/x86_64-linux/rbconfig.rb": config,
		},
	} {
		srv.AddMirror("/rubies", map[string][]byte{name: toolchaintest.Tarball(t, files)})
		toolchaintest.Fails(t, srv.Open(t.TempDir(), withMirror(srv)), "ruby", "3.3.9", want)
	}
	srv.Break("/rubies/SHA256SUMS", toolchaintest.Status(503))
	err := toolchaintest.Fails(t, srv.Open(t.TempDir(), withMirror(srv)), "ruby", "3.3.9", "503")
	if !toolchaintest.IsTransient(err) {
		t.Errorf("a mirror that is down: %v is not transient", err)
	}
}

// machineRuby installs a Ruby in a directory, with the default gem bundler and the installed gem
// rails. It fails where RUBYOPT is set.
func machineRuby(t *testing.T, prefix string) (program string) {
	t.Helper()
	testkit.Tree(t, prefix, map[string]string{
		"bin/irb":               "#!" + prefix + "/bin/ruby3.3\n",
		"lib/ruby/3.3.0/set.rb": "",
		"lib/ruby/3.3.0/x86_64-linux/rbconfig.rb": "",
		"include/ruby-3.3.0/ruby.h":               "",

		"lib/ruby/gems/3.3.0/specifications/default/bundler-2.5.22.gemspec": "",
		"lib/ruby/gems/3.3.0/gems/bundler-2.5.22/exe/bundle":                "",
		"lib/ruby/gems/3.3.0/gems/rails-8.0.0/x.rb":                         "",
		"lib/ruby/gems/3.3.0/specifications/rails-8.0.0.gemspec":            "",
	})
	facts, err := json.Marshal(map[string]any{
		"Engine": "ruby", "Version": "3.3.9", "Patch": 170, "Gems": prefix + "/lib/ruby/gems/3.3.0",
		"Config": map[string]string{
			"prefix": prefix, "bindir": prefix + "/bin", "libdir": prefix + "/lib", "ruby_install_name": "ruby3.3",
			"rubylibdir": prefix + "/lib/ruby/3.3.0", "rubyarchdir": prefix + "/lib/ruby/3.3.0/x86_64-linux",
			"rubyhdrdir": prefix + "/include/ruby-3.3.0", "rubyarchhdrdir": prefix + "/include/nowhere",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(prefix, "bin", "ruby3.3")
	testkit.Write(t, program, "#!/bin/sh\n[ \"$RUBYOPT\" ] && exit 1\ncat <<E\n"+string(facts)+"\nE\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}

// TestLocal copies a Ruby of the machine: what belongs to it, and no gem that was installed into
// it.
func TestLocal(t *testing.T) {
	t.Setenv("RUBYOPT", "-rnowhere")
	program := machineRuby(t, filepath.Join(t.TempDir(), "usr"))
	srv := toolchaintest.NewServer(t)
	use := func(s *toolchain.Settings) { s.LocalRuby = program }
	got, _ := toolchaintest.Get(t, srv.Open(t.TempDir(), use), "ruby", "~> 3.3")
	var names []string
	err := filepath.WalkDir(got.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(got.Dir, path)
			names = append(names, rel)
		}
		return err
	})
	want := []string{
		"bin/bundle", "bin/irb", "bin/ruby", "include/ruby-3.3.0/ruby.h",
		"lib/ruby/3.3.0/rubygems/defaults/operating_system.rb", "lib/ruby/3.3.0/set.rb",
		"lib/ruby/3.3.0/x86_64-linux/rbconfig.rb", "lib/ruby/gems/3.3.0/gems/bundler-2.5.22/exe/bundle",
		"lib/ruby/gems/3.3.0/specifications/default/bundler-2.5.22.gemspec", "toolchain.json",
	}
	if diff := cmp.Diff(want, names); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got.Source != "this machine" || got.Version != "3.3.9" {
		t.Errorf("got %+v", got)
	}
	toolchaintest.Fails(t, srv.Open(t.TempDir(), use), "ruby", "3.4.1",
		"this machine: no version matches (it has 3.3.9)")
}
