package jdk_test

import (
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/jdk"
	"slugc/buildpacks/toolchain/source"
	"slugc/buildpacks/toolchain/toolchaintest"
)

func TestJDKConstraints(t *testing.T) {
	env := &source.Env{}
	tool := jdk.Tool(env, apt.NewClient(env, apt.Settings{}), jdk.Settings{})
	l := source.Listing{Versions: []string{
		"8.0.392", "11.0.22", "17.0.9", "17.0.15", "17.0.15.1", "21", "21.0.5", "22.0.2", "24.0.1",
	}}
	for _, test := range []struct{ constraint, want, exact string }{
		{"", "21.0.5", ""}, {"17", "17.0.15.1", ""}, {"17.0.15", "17.0.15", "17.0.15"}, {"21", "21.0.5", ""}, {"21.0.0", "21", "21"}, {"8", "8.0.392", ""}, {"1.8", "8.0.392", ""},
		{"8u392", "8.0.392", "8.0.392"}, {"1.8.0_392", "8.0.392", "8.0.392"}, {"22", "22.0.2", ""}, {"19", "", ""}, {"17.0.1", "", "17.0.1"},
	} {
		got, _, exact, err := toolchaintest.Pick(tool, test.constraint, l)
		if err != nil || got != test.want || exact != test.exact {
			t.Errorf("%q gives %q (%q), %v; want %q (%q)", test.constraint, got, exact, err, test.want, test.exact)
		}
	}
	for _, bad := range []string{"latest", ">=17", "17.x", strings.Repeat("1", 100), "v"} {
		if _, _, _, err := toolchaintest.Pick(tool, bad, l); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	for text, want := range map[string]string{"17.0.15+6-Debian-1deb12u1": "17.0.15", "1.8.0_392-b08": "8.0.392", "jdk-21.0.5+11": "21.0.5", "25": "25", "21.0.0": "21", "x": "", "": ""} {
		if got := jdk.Normalize(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// jdkTree is what a JDK has, for tgz: a name that ends with a star is a program.
func jdkTree(top, version string) map[string]string {
	return map[string]string{
		top + "bin/java*": "#!/bin/sh\necho " + version + "\n", top + "bin/javac*": "#!/bin/sh\n", top + "bin/jlink*": "#!/bin/sh\n", top + "release": "JAVA_VERSION=\"" + version + "\"\n",
		top + "src.zip": "x", top + "lib/src.zip": "x", top + "man/man1/java.1": "x", top + "lib/modules": "x",
	}
}

// addJDKs publishes releases of a feature release in the API's layout.
func addJDKs(t *testing.T, srv *toolchaintest.Server, feature int, versions ...string) {
	var all []map[string]any
	for _, v := range versions {
		doc := toolchaintest.Tarball(t, jdkTree("jdk-"+v+"/", v))
		name := "OpenJDK_" + strings.ReplaceAll(v, "+", "_") + ".tar.gz"
		srv.Put("/files/"+name, doc)
		pkg := map[string]any{
			"link":     "../files/" + name,
			"name":     name,
			"checksum": fmt.Sprintf("%x", sha256.Sum256(doc)),
		}
		all = append(
			all,
			map[string]any{"version_data": map[string]any{"openjdk_version": v, "semver": v}, "binaries": []any{
				map[string]any{
					"os":           "linux",
					"architecture": "aarch64",
					"image_type":   "jdk",
					"package":      map[string]any{"link": "x", "name": "x.tar.gz", "checksum": "0"},
				},
				map[string]any{"os": "linux", "architecture": "x64", "image_type": "jdk", "package": pkg},
			}},
		)
	}
	srv.PutJSON(fmt.Sprintf("/jdk/v3/assets/feature_releases/%d/ga", feature), all)
}

func withJDKs(srv *toolchaintest.Server) func(*toolchain.Settings) {
	return func(s *toolchain.Settings) { s.JDKMirror, s.OS, s.Arch = srv.URL+"/jdk", "linux", "amd64" }
}

func TestAdoptium(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	srv.PutJSON(
		"/jdk/v3/info/available_releases",
		map[string]any{"most_recent_lts": 21, "most_recent_feature_release": 24},
	)
	addJDKs(t, srv, 21, "21.0.5+11-LTS", "21.0.4+7-LTS")
	addJDKs(t, srv, 8, "1.8.0_392-b08")
	st := srv.Open(t.TempDir(), withJDKs(srv))
	for _, test := range []struct{ constraint, version string }{{"", "21.0.5"}, {"21", "21.0.5"}, {"21.0.4", "21.0.4"}, {"8", "8.0.392"}, {"8u392", "8.0.392"}} {
		got, err := st.Ensure(
			t.Context(),
			[]toolchain.Request{{Tool: "jdk", Constraint: test.constraint, From: "system.properties"}},
			nil,
		)
		if err != nil {
			t.Errorf("%q: %v", test.constraint, err)
			continue
		}
		if got[0].Version != test.version || got[0].Source != "Adoptium" ||
			!strings.HasPrefix(got[0].Digest, "sha256:") {
			t.Errorf("%q gives %+v", test.constraint, got[0])
		}
		for name, stays := range map[string]bool{"bin/java": true, "release": true, "src.zip": false, "lib/src.zip": false, "man/man1/java.1": true} {
			if _, err := os.Stat(filepath.Join(got[0].Dir, name)); (err == nil) != stays {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for constraint, says := range map[string]string{"21.0.1": "it has 21.0.5", "23": "no version matches"} {
		_, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: "jdk", Constraint: constraint}}, nil)
		none, ok := errors.AsType[*toolchain.Unavailable](err)
		if !ok || !none.NotFound() || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", constraint, err, says)
		}
	}
}

func TestAdoptiumFaults(t *testing.T) {
	for name, test := range map[string]struct {
		hurt func(srv *toolchaintest.Server)
		says string
	}{
		"another archive": {func(srv *toolchaintest.Server) { srv.Put("/files/OpenJDK_21.0.5_11.tar.gz", []byte("other")) }, "verifying JDK 21.0.5"},
		"no checksum": {func(srv *toolchaintest.Server) {
			srv.Put("/jdk/v3/assets/feature_releases/21/ga", []byte(`[{"version_data":{"openjdk_version":"21.0.5"},"binaries":[{"os":"linux","architecture":"x64","image_type":"jdk","package":{"link":"x","name":"x.tar.gz"}}]}]`))
		}, "states no sha256"},
		"no JSON": {func(srv *toolchaintest.Server) { srv.Put("/jdk/v3/assets/feature_releases/21/ga", []byte("<html>")) }, "reading the list of releases"},
		"no JDK": {func(srv *toolchaintest.Server) {
			doc := toolchaintest.Tarball(t, map[string]string{"x/README": "x"})
			srv.Put("/files/x.tar.gz", doc)
			srv.PutJSON("/jdk/v3/assets/feature_releases/21/ga", []any{map[string]any{"version_data": map[string]any{"openjdk_version": "21.0.5"}, "binaries": []any{map[string]any{
				"os": "linux", "architecture": "x64", "image_type": "jdk", "package": map[string]any{"link": "../files/x.tar.gz", "name": "x.tar.gz", "checksum": fmt.Sprintf("%x", sha256.Sum256(doc))},
			}}}})
		}, "there is no bin/java in it"},
	} {
		srv := toolchaintest.NewServer(t)
		addJDKs(t, srv, 21, "21.0.5+11")
		test.hurt(srv)
		_, err := srv.Open(
			t.TempDir(),
			withJDKs(srv),
		).Ensure(
			t.Context(),
			[]toolchain.Request{{Tool: "jdk", Constraint: "21"}},
			nil,
		)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

// TestLocalJDK: a JDK whose configuration is elsewhere, as Debian's is, is copied whole.
func TestLocalJDK(t *testing.T) {
	srv, machine := toolchaintest.NewServer(t), t.TempDir()
	for _, version := range []string{"17.0.15", "11.0.1", "1.8.0_392"} {
		for name, text := range jdkTree("jvm/java-"+version+"/", version) {
			writeFile(t, filepath.Join(machine, strings.TrimRight(name, "*")), text, 0o755)
		}
	}
	writeFile(t, filepath.Join(machine, "etc/net.properties"), "x=y", 0o644)
	writeFile(t, filepath.Join(machine, "jvm/broken/release"), "JAVA_VERSION=\"21.0.1\"\n", 0o644)
	home := filepath.Join(machine, "jvm/java-17.0.15")
	for link, to := range map[string]string{"conf": filepath.Join(machine, "etc"), "docs": "/nonexistent/docs", "loop": "loop", "lib/up": "../bin"} {
		if err := os.Symlink(to, filepath.Join(home, link)); err != nil {
			t.Fatal(err)
		}
	}
	st := srv.Open(t.TempDir(), func(s *toolchain.Settings) {
		s.JDKMirror, s.LocalJDK = "off", []string{filepath.Join(machine, "none"), filepath.Join(machine, "jvm")}
	})
	got, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: "jdk", From: "default"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Version != "17.0.15" || got[0].Source != "this machine" || got[0].Digest == "" {
		t.Errorf("%+v", got[0])
	}
	if text, err := os.ReadFile(filepath.Join(got[0].Dir, "conf/net.properties")); err != nil || string(text) != "x=y" {
		t.Errorf("conf/net.properties %q, %v", text, err)
	}
	err = filepath.WalkDir(got[0].Dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type()&os.ModeSymlink != 0 {
			t.Errorf("%s is a link", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = st.Ensure(t.Context(), []toolchain.Request{{Tool: "jdk", Constraint: "21"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "this machine: it has 11.0.1, 17.0.15") {
		t.Errorf("a version that it has not: %v", err)
	}
}

func writeFile(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestKeyStore(t *testing.T) {
	one := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("one")})
	two := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("two")})
	bundle := append(append(append([]byte("# comment\n"), one...), two...), one...)
	store, n := jdk.KeyStore(bundle)
	if n != 2 {
		t.Errorf("%d certificates, want 2", n)
	}
	if again, _ := jdk.KeyStore(bundle); string(again) != string(store) {
		t.Error("the same bundle gives other bytes")
	}
	if _, n := jdk.KeyStore([]byte("nothing")); n != 0 {
		t.Errorf("%d certificates in nothing", n)
	}
}
