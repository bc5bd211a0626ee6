package jdk_test

import (
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/jdk"
	"slugc/buildpacks/toolchain/source"
	"slugc/buildpacks/toolchain/toolchaintest"
	"slugc/cache/digest"
	"slugc/cache/testkit"
)

func TestConstraints(t *testing.T) {
	t.Parallel()
	env := &source.Env{}
	tool := jdk.Tool(env, apt.NewClient(env, apt.Settings{}), jdk.Settings{})
	l := source.Listing{Versions: []string{
		"8.0.392", "11.0.22", "17.0.9", "17.0.15", "17.0.15.1", "21", "21.0.5", "22.0.2", "24.0.1",
	}}
	toolchaintest.CheckPicks(t, tool, l, [][3]string{
		{"", "21.0.5", ""},
		{"17", "17.0.15.1", ""},
		{"17.0.15", "17.0.15", "17.0.15"},
		{"21", "21.0.5", ""},
		{"21.0.0", "21", "21"},
		{"8", "8.0.392", ""},
		{"1.8", "8.0.392", ""},
		{"8u392", "8.0.392", "8.0.392"},
		{"1.8.0_392", "8.0.392", "8.0.392"},
		{"22", "22.0.2", ""},
		{"19", "", ""},
		{"17.0.1", "", "17.0.1"},
	}, "latest", ">=17", "17.x", strings.Repeat("1", 100), "v")
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"17.0.15+6-Debian-1deb12u1": "17.0.15", "1.8.0_392-b08": "8.0.392", "jdk-21.0.5+11": "21.0.5",
		"25": "25", "21.0.0": "21", "x": "", "": "",
	} {
		if got := jdk.Normalize(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// treeOf is what a JDK has, for [toolchaintest.Tarball].
func treeOf(top, version string) map[string]string {
	return map[string]string{
		top + "bin/java*": "#!/bin/sh\necho " + version + "\n", top + "bin/javac*": "#!/bin/sh\n",
		top + "bin/jlink*": "#!/bin/sh\n", top + "release": "JAVA_VERSION=\"" + version + "\"\n",
		top + "src.zip": "x", top + "lib/src.zip": "x", top + "man/man1/java.1": "x", top + "lib/modules": "x",
	}
}

const releases21 = "/jdk/v3/assets/feature_releases/21/ga"

// adoptiumRelease is a release as the API describes it, with one package for the platform.
func adoptiumRelease(version string, pkg map[string]any) map[string]any {
	binary := func(arch string, pkg map[string]any) map[string]any {
		return map[string]any{"os": "linux", "architecture": arch, "image_type": "jdk", "package": pkg}
	}
	other := map[string]any{"link": "x", "name": "x.tar.gz", "checksum": "0"}
	return map[string]any{
		"version_data": map[string]any{"openjdk_version": version, "semver": version},
		"binaries":     []any{binary("aarch64", other), binary("x64", pkg)},
	}
}

// publish serves an archive and returns what the API says of it.
func publish(srv *toolchaintest.Server, name string, doc []byte) map[string]any {
	srv.Put("/files/"+name, doc)
	return map[string]any{"link": "../files/" + name, "name": name, "checksum": digest.Of(doc).Hex()}
}

// addReleases publishes releases of a feature release in the API's layout.
func addReleases(t *testing.T, srv *toolchaintest.Server, feature int, versions ...string) {
	var all []any
	for _, v := range versions {
		doc := toolchaintest.Tarball(t, treeOf("jdk-"+v+"/", v))
		pkg := publish(srv, "OpenJDK_"+strings.ReplaceAll(v, "+", "_")+".tar.gz", doc)
		all = append(all, adoptiumRelease(v, pkg))
	}
	srv.PutJSON(fmt.Sprintf("/jdk/v3/assets/feature_releases/%d/ga", feature), all)
}

func withAdoptium(srv *toolchaintest.Server) func(*toolchain.Settings) {
	return func(s *toolchain.Settings) { s.JDKMirror = srv.URL + "/jdk" }
}

func TestAdoptium(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	srv.PutJSON("/jdk/v3/info/available_releases", map[string]any{
		"most_recent_lts": 21, "most_recent_feature_release": 24,
	})
	addReleases(t, srv, 21, "21.0.5+11-LTS", "21.0.4+7-LTS")
	addReleases(t, srv, 8, "1.8.0_392-b08")
	st := srv.Open(t.TempDir(), withAdoptium(srv))
	for _, c := range []struct{ constraint, version string }{
		{"", "21.0.5"}, {"21", "21.0.5"}, {"21.0.4", "21.0.4"}, {"8", "8.0.392"}, {"8u392", "8.0.392"},
	} {
		got, _ := toolchaintest.Get(t, st, "jdk", c.constraint)
		if got.Version != c.version || got.Source != "Adoptium" || !strings.HasPrefix(got.Digest, "sha256:") {
			t.Errorf("%q = %+v", c.constraint, got)
		}
		for name, kept := range map[string]bool{
			"bin/java": true, "release": true, "src.zip": false, "lib/src.zip": false, "man/man1/java.1": true,
		} {
			if testkit.Exists(got.Dir, name) != kept {
				t.Errorf("%s is kept: %v", name, !kept)
			}
		}
	}
	for constraint, want := range map[string]string{"21.0.1": "it has 21.0.5", "23": "no version matches"} {
		if err := toolchaintest.Fails(t, st, "jdk", constraint, want); !toolchaintest.IsNotFound(err) {
			t.Errorf("%v does not say that the version does not exist", err)
		}
	}
}

func TestAdoptiumFaults(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(srv *toolchaintest.Server){
		"verifying JDK 21.0.5": func(srv *toolchaintest.Server) {
			srv.Put("/files/OpenJDK_21.0.5_11.tar.gz", []byte("other"))
		},
		"states no sha256": func(srv *toolchaintest.Server) {
			pkg := map[string]any{"link": "x", "name": "x.tar.gz"}
			srv.PutJSON(releases21, []any{adoptiumRelease("21.0.5", pkg)})
		},
		"reading the list of releases": func(srv *toolchaintest.Server) { srv.Put(releases21, []byte("<html>")) },
		"there is no bin/java in it": func(srv *toolchaintest.Server) {
			pkg := publish(srv, "x.tar.gz", toolchaintest.Tarball(t, map[string]string{"x/README": "x"}))
			srv.PutJSON(releases21, []any{adoptiumRelease("21.0.5", pkg)})
		},
	} {
		srv := toolchaintest.NewServer(t)
		addReleases(t, srv, 21, "21.0.5+11")
		change(srv)
		toolchaintest.Fails(t, srv.Open(t.TempDir(), withAdoptium(srv)), "jdk", "21", want)
	}
}

// TestLocal copies a JDK whose configuration lies elsewhere, as Debian's does.
func TestLocal(t *testing.T) {
	t.Parallel()
	srv, machine := toolchaintest.NewServer(t), t.TempDir()
	for _, version := range []string{"17.0.15", "11.0.1", "1.8.0_392"} {
		for name, text := range treeOf("jvm/java-"+version+"/", version) {
			testkit.Write(t, filepath.Join(machine, strings.TrimRight(name, "*")), text)
		}
	}
	testkit.Write(t, filepath.Join(machine, "etc/net.properties"), "x=y")
	testkit.Write(t, filepath.Join(machine, "jvm/broken/release"), "JAVA_VERSION=\"21.0.1\"\n")
	for link, to := range map[string]string{
		"conf": filepath.Join(machine, "etc"), "docs": "/nonexistent/docs", "loop": "loop", "lib/up": "../bin",
	} {
		if err := os.Symlink(to, filepath.Join(machine, "jvm/java-17.0.15", link)); err != nil {
			t.Fatal(err)
		}
	}
	st := srv.Open(t.TempDir(), func(s *toolchain.Settings) {
		s.LocalJDK = []string{filepath.Join(machine, "none"), filepath.Join(machine, "jvm")}
	})
	got, _ := toolchaintest.Get(t, st, "jdk", "")
	if got.Version != "17.0.15" || got.Source != "this machine" || got.Digest == "" {
		t.Errorf("got %+v", got)
	}
	if text := testkit.Read(t, filepath.Join(got.Dir, "conf/net.properties")); text != "x=y" {
		t.Errorf("conf/net.properties is %q", text)
	}
	err := filepath.WalkDir(got.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeSymlink != 0 {
			t.Errorf("%s is a link", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	toolchaintest.Fails(t, st, "jdk", "21", "this machine: it has 11.0.1, 17.0.15")
}

func TestKeyStore(t *testing.T) {
	t.Parallel()
	one := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("one")})
	two := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("two")})
	bundle := append(append(append([]byte("# comment\n"), one...), two...), one...)
	store, n := jdk.KeyStore(bundle)
	if n != 2 {
		t.Errorf("%d certificates, want 2", n)
	}
	if again, _ := jdk.KeyStore(bundle); string(again) != string(store) {
		t.Error("the same bundle makes other bytes")
	}
	if _, n := jdk.KeyStore([]byte("nothing")); n != 0 {
		t.Errorf("%d certificates in nothing", n)
	}
}
