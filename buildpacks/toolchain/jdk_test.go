package toolchain_test

import (
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
)

func TestPickJDK(t *testing.T) {
	versions := []string{"8.0.392", "11.0.22", "17.0.9", "17.0.15", "17.0.15.1", "21", "21.0.5", "22.0.2", "24.0.1"}
	for _, test := range []struct{ constraint, want, exact string }{
		{"", "21.0.5", ""}, {"17", "17.0.15.1", ""}, {"17.0.15", "17.0.15", "17.0.15"}, {"21", "21.0.5", ""}, {"21.0.0", "21", "21"}, {"8", "8.0.392", ""}, {"1.8", "8.0.392", ""},
		{"8u392", "8.0.392", "8.0.392"}, {"1.8.0_392", "8.0.392", "8.0.392"}, {"22", "22.0.2", ""}, {"19", "", ""}, {"17.0.1", "", "17.0.1"},
	} {
		got, exact, err := toolchain.PickJDK(test.constraint, versions)
		if err != nil || got != test.want || exact != test.exact {
			t.Errorf("%q gives %q (%q), %v; want %q (%q)", test.constraint, got, exact, err, test.want, test.exact)
		}
	}
	for _, bad := range []string{"latest", ">=17", "17.x", strings.Repeat("1", 100), "v"} {
		if _, _, err := toolchain.PickJDK(bad, versions); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	for text, want := range map[string]string{"17.0.15+6-Debian-1deb12u1": "17.0.15", "1.8.0_392-b08": "8.0.392", "jdk-21.0.5+11": "21.0.5", "25": "25", "21.0.0": "21", "x": "", "": ""} {
		if got := toolchain.JavaRelease(text); got != want {
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

// adoptium publishes releases of a feature release in the API's layout.
func (w *world) adoptium(feature int, versions ...string) {
	var all []map[string]any
	for _, v := range versions {
		doc := tgz(w.t, jdkTree("jdk-"+v+"/", v))
		name := "OpenJDK_" + strings.ReplaceAll(v, "+", "_") + ".tar.gz"
		w.put("/files/"+name, doc)
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
	w.putJSON(fmt.Sprintf("/jdk/v3/assets/feature_releases/%d/ga", feature), all)
}

func withJDKs(w *world) func(*toolchain.Settings) {
	return func(s *toolchain.Settings) { s.JDKMirror, s.OS, s.Arch = w.srv.URL+"/jdk", "linux", "amd64" }
}

func TestAdoptium(t *testing.T) {
	w := newWorld(t)
	w.putJSON(
		"/jdk/v3/info/available_releases",
		map[string]any{"most_recent_lts": 21, "most_recent_feature_release": 24},
	)
	w.adoptium(21, "21.0.5+11-LTS", "21.0.4+7-LTS")
	w.adoptium(8, "1.8.0_392-b08")
	st := w.open(t.TempDir(), withJDKs(w))
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
		hurt func(w *world)
		says string
	}{
		"another archive": {func(w *world) { w.put("/files/OpenJDK_21.0.5_11.tar.gz", []byte("other")) }, "verifying JDK 21.0.5"},
		"no checksum": {func(w *world) {
			w.put("/jdk/v3/assets/feature_releases/21/ga", []byte(`[{"version_data":{"openjdk_version":"21.0.5"},"binaries":[{"os":"linux","architecture":"x64","image_type":"jdk","package":{"link":"x","name":"x.tar.gz"}}]}]`))
		}, "states no sha256"},
		"no JSON": {func(w *world) { w.put("/jdk/v3/assets/feature_releases/21/ga", []byte("<html>")) }, "reading the list of releases"},
		"no JDK": {func(w *world) {
			doc := tgz(t, map[string]string{"x/README": "x"})
			w.put("/files/x.tar.gz", doc)
			w.putJSON("/jdk/v3/assets/feature_releases/21/ga", []any{map[string]any{"version_data": map[string]any{"openjdk_version": "21.0.5"}, "binaries": []any{map[string]any{
				"os": "linux", "architecture": "x64", "image_type": "jdk", "package": map[string]any{"link": "../files/x.tar.gz", "name": "x.tar.gz", "checksum": fmt.Sprintf("%x", sha256.Sum256(doc))},
			}}}})
		}, "there is no bin/java in it"},
	} {
		w := newWorld(t)
		w.adoptium(21, "21.0.5+11")
		test.hurt(w)
		_, err := w.open(
			t.TempDir(),
			withJDKs(w),
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
	w, machine := newWorld(t), t.TempDir()
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
	st := w.open(t.TempDir(), func(s *toolchain.Settings) {
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
	store, n := toolchain.KeyStore(bundle)
	if n != 2 {
		t.Errorf("%d certificates, want 2", n)
	}
	if again, _ := toolchain.KeyStore(bundle); string(again) != string(store) {
		t.Error("the same bundle gives other bytes")
	}
	if _, n := toolchain.KeyStore([]byte("nothing")); n != 0 {
		t.Errorf("%d certificates in nothing", n)
	}
}

// jarsMirror publishes a mirror of Leiningen and the Clojure tools.
func (w *world) jarsMirror(files map[string][]byte) {
	var sums strings.Builder
	for name, doc := range files {
		w.put("/jars/"+name, doc)
		fmt.Fprintf(&sums, "%x *./%s\n", sha256.Sum256(doc), name)
	}
	w.put("/jars/SHA256SUMS", []byte(sums.String()+"junk\n"))
}

func withJars(w *world) func(*toolchain.Settings) {
	return func(s *toolchain.Settings) { s.LeinMirror, s.ClojureMirror = w.srv.URL+"/jars/", w.srv.URL+"/jars" }
}

func TestJarMirrors(t *testing.T) {
	w := newWorld(t)
	w.jarsMirror(map[string][]byte{
		"leiningen-2.9.10-standalone.jar": []byte(
			"old",
		), "2.12.0/leiningen-2.12.0-standalone.jar": []byte("new"), "leiningen-3.0.0-standalone.jar": []byte("newest"),
		"clojure-tools-1.12.4.1597.tar.gz": tgz(
			t,
			map[string]string{
				"clojure-tools/clojure-tools-1.12.4.1597.jar": "tools",
				"clojure-tools/exec.jar":                      "exec",
				"clojure-tools/clojure":                       "#!/bin/sh",
			},
		),
		"clojure-tools-1.11.1.1435.tar.gz": tgz(t, map[string]string{"clojure-tools/README": "no jar"}),
	})
	st := w.open(t.TempDir(), withJars(w))
	for _, test := range []struct{ tool, constraint, version, jar string }{
		{"leiningen", "", "2.12.0", "leiningen-2.12.0-standalone.jar"}, {"leiningen", ">=2.9.0 <3", "2.12.0", "leiningen-2.12.0-standalone.jar"}, {"leiningen", "2.9.x", "2.9.10", "leiningen-2.9.10-standalone.jar"},
		{"clojure", "", "1.12.4.1597", "clojure-tools-1.12.4.1597.jar"}, {"clojure", "1.12.4.1597", "1.12.4.1597", "clojure-tools-1.12.4.1597.jar"},
	} {
		got, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: test.tool, Constraint: test.constraint}}, nil)
		if err != nil {
			t.Errorf("%s %q: %v", test.tool, test.constraint, err)
			continue
		}
		jars, _ := filepath.Glob(filepath.Join(got[0].Dir, "lib", "*"))
		if got[0].Version != test.version || len(jars) != 1 || filepath.Base(jars[0]) != test.jar {
			t.Errorf("%s %q gives %+v with %v", test.tool, test.constraint, got[0], jars)
		}
	}
	for _, test := range []struct{ tool, constraint, says string }{
		{"leiningen", ">=2.99 <3", "no version matches"}, {"clojure", "1.10.0", "no version matches"}, {"clojure", "1.11.1.1435", "there is no jar in it"},
		{"clojure", "~1.11", "a version such as 1.12.4.1597 is expected"}, {"leiningen", "two", "reading the leiningen version"},
	} {
		if _, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: test.tool, Constraint: test.constraint}}, nil); err == nil ||
			!strings.Contains(err.Error(), test.says) {
			t.Errorf("%s %q: %v, want %q", test.tool, test.constraint, err, test.says)
		}
	}
	w.put("/jars/leiningen-3.0.0-standalone.jar", []byte("forged"))
	if _, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: "leiningen", Constraint: "3.0.0"}}, nil); err == nil ||
		!strings.Contains(err.Error(), "verifying leiningen-3.0.0-standalone.jar") {
		t.Errorf("a forged jar: %v", err)
	}
}

// TestRealDebianJVM: the JDK, Leiningen and tools.deps of Debian's packages run.
func TestRealDebianJVM(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	realStore(t, nil) // says why, where there is no network
	st, err := toolchain.Open(filepath.Join(cache, "slugc-test", "debian-jvm"), toolchain.Settings{
		Debian: toolchain.Debian{Bin: "/usr/bin"}, JDKMirror: "off", LeinMirror: "off", ClojureMirror: "off",
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := st.Ensure(
		t.Context(),
		[]toolchain.Request{{Tool: "jdk", Constraint: "17"}, {Tool: "leiningen"}, {Tool: "clojure"}},
		logged{t},
	)
	if err != nil {
		t.Fatal(err)
	}
	java := filepath.Join(got[0].Dir, "bin", "java")
	for name, args := range map[string][]string{
		"version \"17.":          {java, "-version"},
		"Your keystore contains": {filepath.Join(got[0].Dir, "bin", "keytool"), "-list", "-cacerts", "-storepass", "changeit"},
		"Leiningen 2.":           {java, "-cp", filepath.Join(got[1].Dir, "lib", "*"), "clojure.main", "-m", "leiningen.core.main", "version"},
		"tools.deps is loaded":   {java, "-cp", filepath.Join(got[2].Dir, "lib", "*"), "clojure.main", "-e", "(require 'clojure.tools.deps) (println \"tools.deps is loaded\")"},
	} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Env, cmd.Dir = []string{
			"PATH=/usr/bin:/bin",
			"LEIN_HOME=" + t.TempDir(),
			"LEIN_VERSION=" + got[1].Version,
		}, t.TempDir()
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), name) {
			t.Errorf("%s says %.300s, %v; want %q", strings.Join(args, " "), out, err, name)
		}
	}
}
