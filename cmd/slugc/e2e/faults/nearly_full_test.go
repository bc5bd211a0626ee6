package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cmd/slugc/slugctest"
)

// TestNearlyFullDisk builds apps of 8 MB, with as much in a framework's cache, on a disk of 100 MB, of which 64 MB
// belong to somebody else. The second build has no room without what the first one keeps for its next build: that
// goes first, and a line says so. The release of the first app still runs. A third build with a tiny budget leaves
// the releases and its own cache.
func TestNearlyFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Fatal("this test mounts a small file system and needs root")
	}
	dir, out := t.TempDir(), t.TempDir()
	for _, app := range []string{"a", "b", "c"} {
		slugctest.ToyApp(t, filepath.Join(dir, app), 0)
	}
	script := `set -e
for app in a b c; do
	head -c 8000000 /dev/urandom >"$DIR/$app/big"
	echo 'mkdir -p node_modules/.cache && cp big node_modules/.cache/' >"$DIR/$app/build.sh"
done
mount -t tmpfs -o size=100m tmpfs "$HOME"
head -c 64000000 /dev/zero >"$HOME/theirs"
cd "$DIR"
"$SLUGC" build a 2>"$OUT/a"
"$SLUGC" build b 2>"$OUT/b"
"$SLUGC" cache ls >"$OUT/ls" 2>&1
"$SLUGC" run a >"$OUT/run"
rm "$HOME/theirs"
SLUGC_CACHE_SIZE=1 "$SLUGC" build c 2>"$OUT/c"
"$SLUGC" cache ls >"$OUT/last"
"$SLUGC" cache verify`
	cmd := exec.Command("unshare", "-m", "sh", "-c", script)
	home := t.TempDir()
	cmd.Env = slugctest.Env(t, home, "SLUGC="+slugctest.Binary(t), "DIR="+dir, "OUT="+out,
		"SLUGC_NODE_MIRROR=file://"+slugctest.ToyMirror(t, t.TempDir()))
	log, err := cmd.CombinedOutput()
	said := func(name string) string {
		data, _ := os.ReadFile(filepath.Join(out, name)) // what was not reached is empty
		return string(data)
	}
	if err != nil {
		t.Fatalf("%v\n%s%s%s", err, log, said("a"), said("b")+said("c"))
	}
	const room, budget = "-----> The disk is nearly full: freed ", " to stay within the budget"
	if strings.Contains(said("a"), room) || !strings.HasPrefix(said("b"), room) || strings.Contains(said("b"), budget) {
		t.Errorf("the second build does not say that it has made room:\n%s\n%s", said("a"), said("b"))
	}
	if ls := said("ls"); strings.Count(ls, "build cache") != 1 || strings.Count(ls, "current release v1") != 2 {
		t.Errorf("what is left:\n%s", ls)
	}
	if !strings.Contains(said("b"), "shared by all apps") {
		t.Errorf("what all apps share went before what one app keeps:\n%s", said("b"))
	}
	if !strings.Contains(said("run"), "variant 0") {
		t.Errorf("the first app says %q", said("run"))
	}
	if !strings.Contains(said("c"), budget) {
		t.Errorf("the third build does not say that it has pruned:\n%s", said("c"))
	}
	if ls := said("last"); strings.Count(ls, "build cache") != 1 || strings.Count(ls, "current release v1") != 3 {
		t.Errorf("what is left after the third build:\n%s", ls)
	}
}
