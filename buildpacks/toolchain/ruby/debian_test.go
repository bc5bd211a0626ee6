package ruby_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain/toolchaintest"
	"slugc/cache/testkit"
)

func TestDebian(t *testing.T) {
	t.Parallel()
	debian, srv, store := toolchaintest.NewDebian(t), toolchaintest.NewServer(t), t.TempDir()
	got, _ := toolchaintest.Get(t, srv.Open(store, debian.Use), "ruby", "~> 3.1")
	if got.Version != "3.3.8" || got.Source != "Debian packages" || !strings.HasPrefix(got.Digest, "sha256:") {
		t.Fatalf("got %+v", got)
	}
	if link, err := os.Readlink(filepath.Join(got.Dir, "bin", "ruby3.3")); err != nil || link != "ruby" {
		t.Errorf("bin/ruby3.3 leads to %q, %v", link, err)
	}
	if gem := testkit.Read(t, filepath.Join(got.Dir, "bin", "gem")); gem != "#!/usr/bin/env ruby\n" {
		t.Errorf("bin/gem is %q", gem)
	}
	if !testkit.Exists(got.Dir, "lib/ruby/3.3.0/rubygems/defaults/operating_system.rb") {
		t.Error("RubyGems is not kept to the tree")
	}
	download := "download ruby3.3=1:3.3.8-2 libruby3.3=1:3.3.8-2 ruby3.3-dev=1:3.3.8-2 " +
		"libyaml-0-2=0.2.5-1 zlib1g=1:1.2\n"
	if calls := debian.Calls(); !strings.Contains(calls, download) {
		t.Errorf("calls:\n%s\nwant %s", calls, download)
	}
	if got, _ = toolchaintest.Get(t, srv.Open(store, debian.Use), "ruby", "~> 3.1.0"); got.Version != "3.1.7" {
		t.Errorf("got %+v", got)
	}
	calls := debian.Calls()
	if strings.Count(calls, " update\n") != 1 {
		t.Errorf("the lists are fetched more than once a day:\n%s", calls)
	}
	if !strings.Contains(calls, "ruby3.1=3.1.9+really3.1.7-0+deb12u3 ") {
		t.Errorf("another revision than the newest is fetched:\n%s", calls)
	}
	// 3.1.2 is a package of sources only.
	err := toolchaintest.Fails(t, srv.Open(store, debian.Use), "ruby", "3.1.2",
		"Debian packages: no version matches (it has 3.3.8, 3.1.7)")
	if !toolchaintest.IsNotFound(err) {
		t.Errorf("%v does not say that the version does not exist", err)
	}
}
