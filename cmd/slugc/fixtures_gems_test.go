package main

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"slugc/buildpacks/clojure/clojuretest"
	"slugc/buildpacks/ruby/rubytest"
)

// provide gives a fixture what it needs of a world that no registry of gems is part of. It returns
// where the app is, and settings for slugc.
func provide(t *testing.T, w *want, dir string) (string, []string) {
	t.Helper()
	switch w.Needs {
	case "gems":
		server := rubytest.Serve(t)
		env := server.BuildEnv()
		maps.Copy(env, w.Env)
		w.Env = env
		return dir, []string{"SLUGC_GEM_MIRROR=" + server.URL}
	case "maven":
		return dir, []string{"SLUGC_MAVEN_MIRROR=" + clojuretest.Serve(t).URL}
	case "vendored gems":
		app := filepath.Join(t.TempDir(), filepath.Base(dir))
		if err := os.CopyFS(app, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		rubytest.Serve(t).Vendor(t, app)
		return app, []string{"SLUGC_GEM_MIRROR=http://127.0.0.1:1"} // nothing listens there
	}
	return dir, nil
}
