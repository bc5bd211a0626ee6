package manifest

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slugc/cache/testkit"
)

// TestReadOld reads a manifest in the format of before, and a changed one as damaged.
func TestReadOld(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{"bin/node": "1", "lib/a/b": "2", "lib/c": "3"})
	m, err := Of(t.Context(), dir, filepath.Join(dir, "lib", "c"))
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	for _, list := range [][]file{m.files, m.inputs} {
		body = little.AppendUint64(body, uint64(len(list)))
		for _, f := range list {
			body = append(append(appendStat(body, f), f.path...), 0)
		}
	}
	sum := sha256.Sum256(body)
	name := filepath.Join(t.TempDir(), "m")
	testkit.Write(t, name, string(slices.Concat([]byte(magicOld), sum[:], body)))
	old, err := Read(name)
	if err != nil || !slices.Equal(old.files, m.files) || !slices.Equal(old.inputs, m.inputs) {
		t.Errorf("read %+v, %v", old, err)
	}
	testkit.Write(t, name, string(slices.Concat([]byte(magicOld), sum[:], body[:len(body)-1], []byte("x"))))
	if _, err := Read(name); err == nil {
		t.Error("a changed one is read")
	}
}

// TestStat notices what changes in a tree whose files were not read, also far below more directories than are held
// open; and what has changed until they are.
func TestStat(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("d/", 3*maxOpen)
	dir := testkit.Tree(t, t.TempDir(), map[string]string{deep + "x/file": "1", deep + "y": "2", "d/last": "3"})
	m, err := Stat(t.Context(), dir)
	if err == nil {
		err = m.Check(t.Context(), dir, ByStat)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Sum(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := m.Check(t.Context(), dir, ByContent); err != nil {
		t.Error(err)
	}
	if whole, err := Of(t.Context(), dir); err != nil || !slices.Equal(whole.files, m.files) {
		t.Errorf("it is not as one that read at once, %v", err)
	}
	again, err := Stat(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, deep, "x", "file"), []byte("4"), 0o644); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"checked": again.Check(t.Context(), dir, ByStat), "read": again.Sum(t.Context(), dir),
	} {
		if d, ok := errors.AsType[*Damage](err); !ok || d.Path != deep+"x/file" {
			t.Errorf("%s: %v", what, err)
		}
	}
}
