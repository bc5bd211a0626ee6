package unpack_test

import (
	"testing"

	"slugc/cache/unpack"
)

// TestRuns allows absolute links to where the tree runs, and to nothing that only looks like it.
func TestRuns(t *testing.T) {
	t.Parallel()
	l := unpack.Limits{Runs: "/app"}
	for target, ok := range map[string]bool{
		"/app": true, "/app/": true, "/app/a/b": true, "/application": false, "/app/../etc": false,
		"/app/a/../b": false,
		"/":           false, "/etc/passwd": false, "//app/a": false,
	} {
		if err := l.CheckLink("d/l", target); (err == nil) != ok {
			t.Errorf("%s: %v", target, err)
		}
		if err := (unpack.Limits{}).CheckLink("d/l", target); err == nil {
			t.Errorf("%s is allowed without Runs", target)
		}
	}
}
