package main

import (
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
)

// TestSettlePushes looks for pushes only in the repository that was noted, and warns if it cannot
// settle what is there.
func TestSettlePushes(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	dir := t.TempDir()
	c := &cli{ui: &ui{err: &said}, home: filepath.Join(dir, "home"), env: environment{vars: map[string]string{}}}
	c.settlePushes(t.Context(), "blog")
	for range 2 {
		if err := c.noteRepository("blog", filepath.Join(dir, "blog.git")); err != nil {
			t.Fatal(err)
		}
	}
	c.settlePushes(t.Context(), "blog")
	if said.Len() > 0 {
		t.Errorf("without pushes it says %q", said.String())
	}
	testkit.Write(t, filepath.Join(dir, "blog.git", "slugc", "pushes", "1.json"), "{}")
	c.settlePushes(t.Context(), "blog")
	if !strings.HasPrefix(said.String(), " !     settling interrupted pushes: ") {
		t.Errorf("it says %q", said.String())
	}
}
