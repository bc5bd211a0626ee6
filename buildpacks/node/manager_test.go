package node

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/buildpacks/tree"
	"slugc/cache/testkit"
)

// TestBoundStore holds that a store beyond its bound is emptied, and that one within it is left
// alone.
func TestBoundStore(t *testing.T) {
	t.Parallel()
	var shown bytes.Buffer
	b := &work{Build: &language.Build{Log: &command.Log{Out: &shown}}, store: t.TempDir()}
	file := filepath.Join(b.store, "_cacache/content-v2/a")
	testkit.Write(t, file, "a")
	for _, size := range []int64{maxStore, maxStore + 1} {
		if err := os.Truncate(file, size); err != nil { // a hole, which fills no disk
			t.Fatal(err)
		}
		if err := b.boundStore(); err != nil {
			t.Fatal(err)
		}
		if kept := size <= maxStore; tree.Exists(file) != kept || (shown.Len() == 0) != kept || !tree.IsDir(b.store) {
			t.Errorf("%d bytes: kept %t, says %q", size, tree.Exists(file), shown.String())
		}
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	base := []part{{"a", "b"}, {"c", "d"}}
	for _, other := range [][]part{
		{{"a", "bc"}, {"", "d"}}, {{"ab", ""}, {"c", "d"}}, {{"c", "d"}, {"a", "b"}}, {{"a", "b"}},
	} {
		if keyOf(base) == keyOf(other) {
			t.Errorf("%v has the key of %v", other, base)
		}
	}
	now, last := []part{{"a", "2"}, {"same", "1"}, {"new", "1"}}, []part{{"a", "1"}, {"same", "1"}, {"gone", "1"}}
	if diff := cmp.Diff([]string{"a", "gone", "new"}, changed(now, reasons(last))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestYarnProduction(t *testing.T) {
	t.Parallel()
	b := &work{env: &environment{user: map[string]string{"YARN_PRODUCTION": "true"}}}
	_, err := b.berry("", "4.9.1", nil)
	if d, ok := errors.AsType[*diagnosis.Diagnosis](err); !ok || d.ID != "node/yarn-production" {
		t.Errorf("got %v", err)
	}
}
