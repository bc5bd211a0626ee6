package blobstore

import (
	"os/exec"
	"strings"
	"testing"

	"slugc/cache/testkit"
)

// TestEntrypoint runs an image's entry point as an engine would, with the app elsewhere than in
// /app.
func TestEntrypoint(t *testing.T) {
	dir := t.TempDir()
	testkit.Write(t, dir+"/.profile.d/000_slugc.sh", "greeting='hello world'\n")
	cmd := exec.Command("bash", "-c", strings.Replace(entrypoint, "/app", dir, 1), `echo "$greeting" in "$(pwd)"`)
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "hello world in "+dir+"\n" {
		t.Errorf("it prints %q, %v", out, err)
	}
}
