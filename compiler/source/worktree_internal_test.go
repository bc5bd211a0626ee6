package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOwners asks no repository of a third party.
func TestOwners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Mkdir(filepath.Join(dir, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	me := uint32(os.Geteuid())
	if workTreeAt(dir, []uint32{me}) == nil || findWorkTree(filepath.Join(dir, "app"), nil) == nil {
		t.Error("a repository of one's own is not found")
	}
	if workTreeAt(dir, []uint32{me + 1}) != nil {
		t.Error("another's repository is asked")
	}
}
