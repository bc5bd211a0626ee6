package clojure_test

import (
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/toolchaintest"
)

func withJars(srv *toolchaintest.Server) func(*toolchain.Settings) {
	return func(s *toolchain.Settings) { s.LeinMirror, s.ClojureMirror = srv.URL+"/jars/", srv.URL+"/jars" }
}

func TestJarMirrors(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	srv.AddMirror("/jars", map[string][]byte{
		"leiningen-2.9.10-standalone.jar": []byte(
			"old",
		), "2.12.0/leiningen-2.12.0-standalone.jar": []byte("new"), "leiningen-3.0.0-standalone.jar": []byte("newest"),
		"clojure-tools-1.12.4.1597.tar.gz": toolchaintest.Tarball(
			t,
			map[string]string{
				"clojure-tools/clojure-tools-1.12.4.1597.jar": "tools",
				"clojure-tools/exec.jar":                      "exec",
				"clojure-tools/clojure":                       "#!/bin/sh",
			},
		),
		"clojure-tools-1.11.1.1435.tar.gz": toolchaintest.Tarball(t, map[string]string{"clojure-tools/README": "no jar"}),
	})
	st := srv.Open(t.TempDir(), withJars(srv))
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
	srv.Put("/jars/leiningen-3.0.0-standalone.jar", []byte("forged"))
	if _, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: "leiningen", Constraint: "3.0.0"}}, nil); err == nil ||
		!strings.Contains(err.Error(), "verifying leiningen-3.0.0-standalone.jar") {
		t.Errorf("a forged jar: %v", err)
	}
}
