package artifact_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/cache/disk"
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
	for _, text := range []string{"old", "needed", "built last"} {
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

// onDisk is what the app's files take in bytes, each once, without the index of its segments.
func onDisk(t *testing.T, app *cache.App) (bytes int64) {
	t.Helper()
	var seen []os.FileInfo
	err := filepath.WalkDir(app.Path(), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "index" {
			return err
		}
		info, err := d.Info()
		same := func(other os.FileInfo) bool { return os.SameFile(info, other) }
		if err == nil && !slices.ContainsFunc(seen, same) {
			seen, bytes = append(seen, info), bytes+info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// TestPruneShared removes slugs whose files the next build uses, too: what is freed is what the disk has more then.
func TestPruneShared(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	var paths []string
	for _, text := range []string{"first", "second", "third"} {
		path, _ := pack(t, app, text)
		paths = append(paths, path)
	}
	before := onDisk(t, app)
	check := func(what string, freed int64, err error) {
		t.Helper()
		now := onDisk(t, app)
		if err != nil || freed != before-now {
			t.Errorf("%s frees %d bytes, says %d, %v", what, before-now, freed, err)
		}
		before = now
	}
	for _, path := range []string{paths[2], paths[1]} {
		freed, err := artifact.RemoveSlug(app, filepath.Base(path))
		check("the removal of "+filepath.Base(path), freed, err)
		if testkit.Exists(path) {
			t.Errorf("%s is still there", path)
		}
	}
	kept, err := app.Kept()
	if err != nil || kept.Segments == 0 {
		t.Errorf("the segments that are no slug's any longer take %+v, %v", kept, err)
	}
	freed, err := artifact.Prune(t.Context(), app, nil)
	check("a prune", freed, err)
	index, err := disk.Size(app.Path("segments", "index"))
	if err != nil {
		t.Fatal(err)
	}
	freed, err = artifact.ClearBuild(app)
	check("the removal of what is kept for the next build", freed-index, err)
	if now := onDisk(t, app); now != 0 {
		t.Errorf("%d bytes are left", now)
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
	if err != nil || len(problems) != 2 || !strings.HasPrefix(problems[0], "hello: segment ") ||
		!strings.HasPrefix(problems[1], "hello: slug "+filepath.Base(path)+": ") {
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
