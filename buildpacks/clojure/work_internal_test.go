package clojure

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/detect"
)

// newWork returns a build of an empty app, without layers, in directories of its own.
func newWork(t *testing.T, app *detect.ClojureApp, config map[string]string) *work {
	t.Helper()
	dir := t.TempDir()
	return &work{
		Build: &language.Build{
			Name: "clojure", Context: t.Context(), Dir: dir, Root: dir, Log: &command.Log{Out: io.Discard},
			CNB:    libcnb.BuildContext{Layers: libcnb.Layers{Path: t.TempDir()}},
			Result: libcnb.NewBuildResult(),
		},
		home: t.TempDir(), app: app, env: newEnvironment(nil, config),
	}
}

// leinApp is an app that Leiningen builds.
func leinApp(facts detect.LeinFacts) *detect.ClojureApp {
	return &detect.ClojureApp{Tool: "leiningen", Lein: &facts}
}

// lastLayer returns the layer that was contributed last.
func (b *work) lastLayer() libcnb.Layer { return b.Result.Layers[len(b.Result.Layers)-1] }

func wantDiagnosis(t *testing.T, err error, id, says string) {
	t.Helper()
	if d, ok := errors.AsType[*diagnosis.Diagnosis](err); !ok || d.ID != id || !strings.Contains(d.Summary, says) {
		t.Errorf("got %+v, want %s with %q", err, id, says)
	}
}
