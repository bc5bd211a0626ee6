package upkeep_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/reference"
	"slugc/cache/testkit"
	"slugc/compiler/upkeep"
)

// TestBuildpacks counts the buildpacks that are not built in, and removes those that no build uses.
func TestBuildpacks(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	dir := testkit.Tree(t, t.TempDir(), map[string]string{"bin/detect": "", "bin/compile": strings.Repeat("x", 900)})
	store, err := reference.Open(m.home.Path("foreign"), reference.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := reference.Parse(dir, "/")
	if err != nil {
		t.Fatal(err)
	}
	p, err := store.Take(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	k := m.keeper(upkeep.Limits{Size: 100})
	list, total, err := k.List(t.Context())
	what := "buildpack " + filepath.Base(dir) + " " + p.Digest.Short()
	if err != nil || len(list) != 1 || total != 900 || list[0].What != what || list[0].Kept == "" {
		t.Errorf("got %+v, %d, %v", list, total, err)
	}
	if freed, err := k.Prune(t.Context(), ""); err != nil || freed != 0 {
		t.Errorf("freed %d of what is in use, %v", freed, err)
	}
	store.Close()
	if freed, err := k.Prune(t.Context(), ""); err != nil || freed != 900 {
		t.Errorf("freed %d, %v", freed, err)
	}
	if _, err := os.Stat(p.Buildpacks[0].Dir); err == nil {
		t.Error("it is still there")
	}
}
