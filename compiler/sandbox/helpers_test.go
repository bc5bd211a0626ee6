package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/compiler/sandbox"
)

// newMarker is an argument for sleep that no other process has.
func newMarker() string { return fmt.Sprintf("%d.%09d", 3000+rand.IntN(1000), rand.IntN(1e9)) }

// running returns the command lines of living processes with this marker.
func running(t *testing.T, marker string) []string {
	t.Helper()
	var found []string
	for _, path := range glob(t, "/proc/[0-9]*/cmdline") {
		line, err := os.ReadFile(path)
		if err == nil && bytes.Contains(line, []byte(marker)) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// waitFor fails when done does not come true.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waiting for %s: it does not come", what)
		}
	}
}

// asChild is the stand-in for slugc running the script in a sandbox, with its temporary directories
// in temp.
func asChild(t *testing.T, level sandbox.Level, temp, script string, binds ...sandbox.Bind) *exec.Cmd {
	t.Helper()
	spec, _ := sh(script, binds...)
	spec.Stdout, spec.Stderr = nil, nil
	request, err := json.Marshal(
		map[string]any{"Probe": sandbox.ProbeOptions{Want: level, Self: child, Temp: temp}, "Spec": spec},
	)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(child)
	cmd.Stdin, cmd.Dir = bytes.NewReader(request), "/"
	return cmd
}
