package ruby_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
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
)

func TestRubyConstraints(t *testing.T) {
	env := &source.Env{}
	tool := ruby.Tool(env, apt.NewClient(env, apt.Settings{}), ruby.Settings{})
	l := source.Listing{Versions: []string{
		"2.7.8", "3.0.7", "3.1.2", "3.1.7", "3.2.9", "3.3.0", "3.3.9", "3.3.10", "3.4.0.rc1", "3.4.0", "3.5.0.preview1",
	}}
	for _, test := range []struct{ constraint, want string }{
		{"", "3.4.0"}, {">= 0", "3.4.0"}, {"3.3.9", "3.3.9"}, {"= 3.3.9", "3.3.9"}, {"3.3.8", ""},
		{"~> 3.1", "3.4.0"}, {"~> 3.1.0", "3.1.7"}, {"~> 3.1.2", "3.1.7"}, {"~> 3.3.1", "3.3.10"}, {"~> 2", "2.7.8"}, {"~> 4.0", ""},
		{">= 3.1, < 3.3", "3.2.9"}, {">= 3.1,< 3.5,!= 3.4.0", "3.3.10"}, {"> 3.3.9, < 3.4", "3.3.10"}, {"<= 3.1.2", "3.1.2"}, {"< 2", ""},
		{"3.4.0.rc1", "3.4.0.rc1"}, {"~> 3.5.0", ""}, {">= 3.5.0.preview1", "3.5.0.preview1"}, {"> 3.4.0", ""},
	} {
		got, _, exact, err := toolchaintest.Pick(tool, test.constraint, l)
		if err != nil || got != test.want {
			t.Errorf("%q gives %q, %v; want %q", test.constraint, got, err, test.want)
		}
		if single := !strings.ContainsAny(test.constraint, "<>~,!") && test.constraint != ""; (exact != "") != single {
			t.Errorf("%q names the version %q", test.constraint, exact)
		}
	}
	for _, bad := range []string{"three", "^3.1", "~> 3.1;", ">= 3.1 < 3.4", strings.Repeat("3", 300)} {
		if _, _, _, err := toolchaintest.Pick(tool, bad, l); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// addRubies publishes tarballs in the mirror's layout, each with its top directory before the
// slash of its content.
func addRubies(t *testing.T, srv *toolchaintest.Server, tops map[string]string) {
	var sums strings.Builder
	for name, top := range tops {
		doc := toolchaintest.Tarball(t, map[string]string{
			top + "bin/ruby*": "#!/bin/sh\necho " + name + "\n", top + "bin/gem*": "#!/opt/build/ruby/bin/ruby3.3 -W0\nputs 1\n", top + "share/man/man1/ruby.1": "", top + "lib/libruby-static.a": "",
		})
		srv.Put("/rubies/"+name, doc)
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(doc), name)
	}
	srv.Put("/rubies/SHA256SUMS", []byte(sums.String()+"not a line\n0123  ruby-9.9.9.tgz\n"))
}

func withRubies(srv *toolchaintest.Server) func(*toolchain.Settings) {
	return func(s *toolchain.Settings) { s.RubyMirror = srv.URL + "/rubies/" }
}

func TestRubyMirror(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	addRubies(t, srv, map[string]string{
		"ruby-3.3.9.tar.gz": "", "ruby-3.3.10-linux-arm64.tgz": "", "ruby-3.3.8-linux-amd64.tgz": "x64/", "ruby-3.3.8.tgz": "wrong/",
		"ruby-3.2.9-ubuntu-24.04.tar.gz": "a/b/", "ruby-3.2.9-ubuntu-22.04.tar.gz": "", "ruby-3.2.8-darwin-x64.tar.gz": "", "heroku-24/amd64/ruby-3.4.0.rc1.tgz": "", "jruby-9.4.0.0.tar.gz": "",
	})
	st := srv.Open(t.TempDir(), withRubies(srv))
	for _, test := range []struct{ constraint, version, says string }{
		{"", "3.3.9", "ruby-3.3.9.tar.gz"}, {"3.3.8", "3.3.8", "ruby-3.3.8-linux-amd64.tgz"}, {"~> 3.2.0", "3.2.9", "ruby-3.2.9-ubuntu-24.04.tar.gz"},
		{"3.4.0.rc1", "3.4.0.rc1", "heroku-24/amd64/ruby-3.4.0.rc1.tgz"},
	} {
		got, err := st.Ensure(
			t.Context(),
			[]toolchain.Request{{Tool: "ruby", Constraint: test.constraint, From: "Gemfile ruby"}},
			nil,
		)
		if err != nil {
			t.Errorf("%q: %v", test.constraint, err)
			continue
		}
		out, err := exec.Command(filepath.Join(got[0].Dir, "bin", "ruby")).Output()
		if err != nil || strings.TrimSpace(string(out)) != test.says || got[0].Version != test.version ||
			got[0].Source != "the Ruby mirror" {
			t.Errorf(
				"%q gives %+v from %q, %v; want %s from %s",
				test.constraint,
				got[0],
				out,
				err,
				test.version,
				test.says,
			)
		}
		if gem, err := os.ReadFile(filepath.Join(got[0].Dir, "bin", "gem")); err != nil ||
			!strings.HasPrefix(string(gem), "#!/usr/bin/env ruby\n") {
			t.Errorf("bin/gem begins with %.30q, %v", gem, err)
		}
		for _, name := range []string{"share/man", "lib/libruby-static.a"} {
			if _, err := os.Stat(filepath.Join(got[0].Dir, name)); err == nil {
				t.Errorf("%s is kept", name)
			}
		}
	}
	_, err := st.Ensure(
		t.Context(),
		[]toolchain.Request{{Tool: "ruby", Constraint: "3.1.1", From: "Gemfile.lock RUBY VERSION"}},
		nil,
	)
	want := `finding ruby "3.1.1" (Gemfile.lock RUBY VERSION): the Ruby mirror: no version matches (it has 3.4.0.rc1, 3.3.9, 3.3.8, 3.2.9)`
	if none, ok := errors.AsType[*toolchain.Unavailable](err); !ok || err.Error() != want || !none.NotFound() {
		t.Errorf("a version that is not there: %v\nwant %s", err, want)
	}
}

// TestRubyMirrorFaults: what is not what SHA256SUMS says, or no Ruby, is not kept.
func TestRubyMirrorFaults(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	addRubies(t, srv, map[string]string{"ruby-3.3.9.tar.gz": ""})
	srv.Put("/rubies/ruby-3.3.9.tar.gz", toolchaintest.Tarball(t, map[string]string{"bin/ruby*": "#!/bin/sh\n"}))
	st := srv.Open(t.TempDir(), withRubies(srv))
	req := []toolchain.Request{{Tool: "ruby", Constraint: "3.3.9"}}
	if _, err := st.Ensure(t.Context(), req, nil); err == nil ||
		!strings.Contains(err.Error(), "the Ruby mirror: verifying ruby-3.3.9.tar.gz: it has the digest sha256:") {
		t.Errorf("another tarball: %v", err)
	}
	empty := toolchaintest.Tarball(t, map[string]string{"README": ""})
	srv.Put("/rubies/ruby-3.3.9.tar.gz", empty)
	srv.Put("/rubies/SHA256SUMS", fmt.Appendf(nil, "%x *./ruby-3.3.9.tar.gz\n", sha256.Sum256(empty)))
	st = srv.Open(t.TempDir(), withRubies(srv))
	if _, err := st.Ensure(t.Context(), req, nil); err == nil ||
		!strings.Contains(err.Error(), "there is no bin/ruby in it") {
		t.Errorf("a tarball without Ruby: %v", err)
	}
	other := toolchaintest.Tarball(
		t,
		map[string]string{
			"bin/ruby*": "#!/bin/sh\n",
			"lib/ruby/3.3.0/x86_64-linux/rbconfig.rb": `  CONFIG["MAJOR"] = "3"
  CONFIG["MINOR"] = "3"
  CONFIG["TEENY"] = "2"
  CONFIG["PATCHLEVEL"] = "100"
`,
		},
	)
	srv.Put("/rubies/ruby-3.3.9.tar.gz", other)
	srv.Put("/rubies/SHA256SUMS", fmt.Appendf(nil, "%x *./ruby-3.3.9.tar.gz\n", sha256.Sum256(other)))
	st = srv.Open(t.TempDir(), withRubies(srv))
	if _, err := st.Ensure(t.Context(), req, nil); err == nil ||
		!strings.Contains(err.Error(), "it is Ruby 3.3.2 and not 3.3.9") {
		t.Errorf("a tarball of another Ruby: %v", err)
	}
	srv.Break("/rubies/SHA256SUMS", toolchaintest.Status(503))
	st = srv.Open(t.TempDir(), withRubies(srv))
	if none, ok := errors.AsType[*toolchain.Unavailable](second(st.Ensure(t.Context(), req, nil))); !ok ||
		!none.Transient() {
		t.Errorf("a mirror that is down: %v", none)
	}
}

func second[A, B any](_ A, b B) B { return b }

// TestLocalRuby copies a Ruby of the machine: what belongs to it, and no gem that was installed
// into it.
func TestLocalRuby(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "usr")
	for name, text := range map[string]string{
		"bin/irb": "#!" + prefix + "/bin/ruby3.3\n", "lib/ruby/3.3.0/set.rb": "", "lib/ruby/3.3.0/x86_64-linux/rbconfig.rb": "", "include/ruby-3.3.0/ruby.h": "",
		"lib/ruby/gems/3.3.0/specifications/default/bundler-2.5.22.gemspec": "", "lib/ruby/gems/3.3.0/gems/bundler-2.5.22/exe/bundle": "", "lib/ruby/gems/3.3.0/gems/rails-8.0.0/x.rb": "",
		"lib/ruby/gems/3.3.0/specifications/rails-8.0.0.gemspec": "",
		"bin/ruby3.3": "#!/bin/sh\n[ \"$RUBYOPT\" ] && exit 1\ncat <<E\n" + fmt.Sprintf(`{"Engine":"ruby","Version":"3.3.9","Patch":170,"Gems":%[1]q,"Config":{"prefix":%[2]q,"bindir":%[3]q,"libdir":%[4]q,"ruby_install_name":"ruby3.3","rubylibdir":%[5]q,"rubyarchdir":%[6]q,"rubyhdrdir":%[7]q,"rubyarchhdrdir":%[8]q}}`,
			prefix+"/lib/ruby/gems/3.3.0", prefix, prefix+"/bin", prefix+"/lib", prefix+"/lib/ruby/3.3.0", prefix+"/lib/ruby/3.3.0/x86_64-linux", prefix+"/include/ruby-3.3.0", prefix+"/include/nowhere") + "\nE\n",
	} {
		path := filepath.Join(prefix, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("RUBYOPT", "-rnowhere")
	srv := toolchaintest.NewServer(t)
	open := func() *toolchain.Store {
		return srv.Open(
			t.TempDir(),
			func(s *toolchain.Settings) { s.LocalRuby = filepath.Join(prefix, "bin", "ruby3.3") },
		)
	}
	got, err := open().Ensure(t.Context(), []toolchain.Request{{Tool: "ruby", Constraint: "~> 3.3"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	err = filepath.Walk(got[0].Dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			rel, _ := filepath.Rel(got[0].Dir, path)
			names = append(names, rel)
		}
		return err
	})
	want := []string{
		"bin/bundle", "bin/irb", "bin/ruby", "include/ruby-3.3.0/ruby.h", "lib/ruby/3.3.0/rubygems/defaults/operating_system.rb", "lib/ruby/3.3.0/set.rb", "lib/ruby/3.3.0/x86_64-linux/rbconfig.rb",
		"lib/ruby/gems/3.3.0/gems/bundler-2.5.22/exe/bundle", "lib/ruby/gems/3.3.0/specifications/default/bundler-2.5.22.gemspec", "toolchain.json",
	}
	if diff := cmp.Diff(want, names); diff != "" || err != nil || got[0].Source != "this machine" ||
		got[0].Version != "3.3.9" {
		t.Errorf("%+v %v (-want +got):\n%s", got[0], err, diff)
	}
	if _, err := open().Ensure(t.Context(), []toolchain.Request{{Tool: "ruby", Constraint: "3.4.1"}}, nil); err == nil ||
		!strings.Contains(err.Error(), "this machine: no version matches (it has 3.3.9)") {
		t.Errorf("another version: %v", err)
	}
}
