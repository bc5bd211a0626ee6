package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slugc/buildpacks/ruby/rubytest"
	"slugc/compiler"
)

// TestRubySlugIsSelfContained starts a Ruby slug where there is nothing but the C library, a shell and env.
func TestRubySlugIsSelfContained(t *testing.T) {
	home, server := state(t), rubytest.Serve(t)
	fixture, err := filepath.Abs("../../fixtures/ruby-sinatra-puma")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"SLUGC_GEM_MIRROR=" + server.URL}
	o := slugcIn(t, "", home, env, "build", fixture, "--json")
	if o.exit != 0 {
		t.Fatalf("exit %d\n%s", o.exit, o.stderr)
	}
	file := decode[compiler.Result](t, o).Slug.Path
	root := filepath.Join(t.TempDir(), "root")
	bareRoot(t, root)
	if u := slugc(t, home, "unpack", file, filepath.Join(root, "app")); u.exit != 0 {
		t.Fatalf("unpack: exit %d: %s", u.exit, u.stderr)
	}
	port := freePort(t)
	cmd := exec.Command("/bin/sh", "-c", ". .profile.d/000_slugc.sh && exec bundle exec puma -b tcp://127.0.0.1:$PORT")
	cmd.Dir = "/app"
	cmd.Env = []string{"HOME=/app", "PATH=/usr/bin:/bin", fmt.Sprintf("PORT=%d", port)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the process said:\n%s", log.String())
		}
	}()
	status, body, err := ask(fmt.Sprintf("http://127.0.0.1:%d/", port), time.Minute)
	if err != nil || status != 200 || !strings.Contains(body, "hello from ruby 3.1.7") {
		t.Errorf("answer %d %q, %v", status, body, err)
	}
}

// bareRoot makes a root directory of the dynamic linker, libc, libm, sh and env, and of what stands for the one device that RubyGems opens.
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

// TestRubyRebuild: a change of one line asks the gem source for nothing, and two machines make the same slug of the same source.
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
