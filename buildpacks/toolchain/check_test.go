package toolchain_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/toolchaintest"
	"slugc/cache/testkit"
)

// sourcesOf lists the sources of a store: name, state and tools.
func sourcesOf(t *testing.T, st *toolchain.Store) (list []string) {
	for _, s := range st.CheckSources(t.Context()) {
		state := "up"
		if s.Off {
			state = "off"
		} else if s.Err != nil {
			state = "down"
		}
		list = append(list, s.Name+" "+state+": "+strings.Join(s.Tools, " "))
	}
	return list
}

func TestCheckSources(t *testing.T) {
	t.Parallel()
	srv, debian := full(t), toolchaintest.NewDebian(t)
	srv.Break("/goproxy/golang.org/toolchain/@v/list", toolchaintest.Status(403)) // a proxy need not list
	got := sourcesOf(t, srv.Open(t.TempDir(), func(s *toolchain.Settings) {
		s.GoProxy += ",http://127.0.0.1:1,direct"
		s.NodeDist = "off"
	}))
	want := []string{
		"nodejs.org off: node", "npm registry up: node npm pnpm yarn bun sirv-cli", "go module proxy up: go",
		"checksum database up: go", "go module proxy down: go", "go.dev up: go", "this machine off: go ruby jdk",
		"the Ruby mirror off: ruby", "Debian packages off: ruby jdk leiningen clojure", "Adoptium off: jdk",
		"Leiningen releases off: leiningen", "Clojure releases off: clojure",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	srv.AddMirror("/mirror", nil)
	srv.Put("/jdk/v3/info/available_releases", []byte("{}"))
	machine := t.TempDir()
	testkit.Write(t, filepath.Join(machine, "bin", "go"), "")
	got = sourcesOf(t, srv.Open(t.TempDir(), debian.Use, func(s *toolchain.Settings) {
		s.LocalGo = toolchain.LocalGo{Root: machine, Version: "1.26.1"}
		s.RubyMirror, s.LeinMirror, s.JDKMirror = srv.URL+"/mirror", srv.URL+"/mirror", srv.URL+"/jdk"
		s.LocalRuby, s.LocalJDK = filepath.Join(machine, "ruby"), []string{filepath.Join(machine, "jvm")}
		s.ClojureMirror = "http://127.0.0.1:1"
	}))
	want = []string{
		"nodejs.org up: node", "npm registry up: node npm pnpm yarn bun sirv-cli", "go module proxy up: go",
		"checksum database up: go", "go.dev up: go", "this machine up: go", "the Ruby mirror up: ruby",
		"Debian packages up: ruby jdk leiningen clojure", "this machine down: ruby", "Adoptium up: jdk",
		"this machine down: jdk", "the Leiningen mirror up: leiningen", "the Clojure mirror down: clojure",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
