package artifact_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/compiler/artifact"
)

// slugsLeft are the names of the app's slugs, of which each is known by its text.
func slugsLeft(t *testing.T, app *cache.App, paths map[string]string) string {
	t.Helper()
	var left []string
	for _, text := range []string{"needed", "built last", "old"} {
		if testkit.Exists(paths[text]) {
			left = append(left, text)
		}
	}
	return strings.Join(left, ", ")
}

// TestPrune removes slugs that nobody needs. The last build's stays, unless everything for the next
// build goes.
func TestPrune(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	paths, needed := map[string]string{}, map[digest.Digest]string{}
	for _, text := range []string{"needed", "built last", "old"} {
		path, p := pack(t, app, text)
		paths[text] = path
		if text == "needed" {
			needed[p.Digest] = "current"
		}
	}
	testkit.Write(t, app.Path("slugs", "new.tgz"), "being written")
	testkit.Write(t, app.Path("layers", "bp", "file"), "12345")
	if err := app.SaveRecord(&cache.Record{Slug: paths["built last"]}); err != nil {
		t.Fatal(err)
	}
	old, err := os.Stat(paths["old"])
	if err != nil {
		t.Fatal(err)
	}
	freed, err := artifact.Prune(t.Context(), app, needed)
	if err != nil || freed != old.Size() {
		t.Errorf("freed %d of %d, %v", freed, old.Size(), err)
	}
	if left := slugsLeft(t, app, paths); left != "needed, built last" {
		t.Errorf("left: %s", left)
	}
	freed, err = artifact.Clear(app, needed)
	if err != nil || freed <= 5 || app.Record() != nil || testkit.Exists(app.Path("layers")) {
		t.Errorf("freed %d, %v; record %+v", freed, err, app.Record())
	}
	if left := slugsLeft(t, app, paths); left != "needed" || !testkit.Exists(app.Path("slugs", "new.tgz")) {
		t.Errorf("left: %s", left)
	}
	if freed, err := artifact.Prune(t.Context(), newApp(t), nil); err != nil || freed != 0 {
		t.Errorf("of an app without slugs: %d, %v", freed, err)
	}
}

// TestVerify reports a damaged slug by name.
func TestVerify(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	pack(t, app, "whole")
	if problems, err := artifact.Verify(t.Context(), app); err != nil || len(problems) > 0 {
		t.Errorf("got %q, %v", problems, err)
	}
	path, _ := pack(t, app, "damaged")
	if err := errors.Join(os.Truncate(path, 100), app.SaveRecord(&cache.Record{Slug: path})); err != nil {
		t.Fatal(err)
	}
	problems, err := artifact.Verify(t.Context(), app)
	if err != nil || len(problems) != 1 || !strings.HasPrefix(problems[0], "hello: slug "+filepath.Base(path)+": ") {
		t.Errorf("got %q, %v", problems, err)
	}
	if testkit.Exists(path) || !testkit.Exists(path+".damaged") || app.Record() != nil {
		t.Errorf("the damaged slug is not put aside, or recorded: %+v", app.Record())
	}
	if problems, err := artifact.Verify(t.Context(), app); err != nil || len(problems) > 0 {
		t.Errorf("once more: %q, %v", problems, err)
	}
	if _, err := artifact.Prune(t.Context(), app, nil); err != nil || testkit.Exists(path+".damaged") {
		t.Errorf("the slug that was put aside stays, %v", err)
	}
}
