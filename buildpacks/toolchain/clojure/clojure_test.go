package clojure_test

import (
	"path/filepath"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/toolchaintest"
)

func TestMirrors(t *testing.T) {
	t.Parallel()
	const top = "clojure-tools/"
	srv := toolchaintest.NewServer(t)
	srv.AddMirror("/jars", map[string][]byte{
		"leiningen-2.9.10-standalone.jar":        []byte("old"),
		"2.12.0/leiningen-2.12.0-standalone.jar": []byte("new"),
		"leiningen-3.0.0-standalone.jar":         []byte("newest"),
		"clojure-tools-1.12.4.1597.tar.gz": toolchaintest.Tarball(t, map[string]string{
			top + "clojure-tools-1.12.4.1597.jar": "tools", top + "exec.jar": "exec", top + "clojure": "#!/bin/sh",
		}),
		"clojure-tools-1.11.1.1435.tar.gz": toolchaintest.Tarball(t, map[string]string{top + "README": "no jar"}),
	})
	st := srv.Open(t.TempDir(), func(s *toolchain.Settings) {
		s.LeinMirror, s.ClojureMirror = srv.URL+"/jars/", srv.URL+"/jars"
	})
	for _, c := range []struct{ tool, constraint, version, jar string }{
		{"leiningen", "", "2.12.0", "leiningen-2.12.0-standalone.jar"},
		{"leiningen", ">=2.9.0 <3", "2.12.0", "leiningen-2.12.0-standalone.jar"},
		{"leiningen", "2.9.x", "2.9.10", "leiningen-2.9.10-standalone.jar"},
		{"clojure", "", "1.12.4.1597", "clojure-tools-1.12.4.1597.jar"},
		{"clojure", "1.12.4.1597", "1.12.4.1597", "clojure-tools-1.12.4.1597.jar"},
	} {
		got, _ := toolchaintest.Get(t, st, c.tool, c.constraint)
		jars, _ := filepath.Glob(filepath.Join(got.Dir, "lib", "*"))
		if got.Version != c.version || len(jars) != 1 || filepath.Base(jars[0]) != c.jar {
			t.Errorf("%s %q = %+v with %v", c.tool, c.constraint, got, jars)
		}
	}
	srv.Put("/jars/leiningen-3.0.0-standalone.jar", []byte("forged"))
	for _, c := range []struct{ tool, constraint, want string }{
		{"leiningen", ">=2.99 <3", "no version matches"},
		{"leiningen", "two", "reading the leiningen version"},
		{"leiningen", "3.0.0", "verifying leiningen-3.0.0-standalone.jar"},
		{"clojure", "1.10.0", "no version matches"},
		{"clojure", "1.11.1.1435", "there is no jar in it"},
		{"clojure", "~1.11", "a version such as 1.12.4.1597 is expected"},
	} {
		toolchaintest.Fails(t, st, c.tool, c.constraint, c.want)
	}
}
