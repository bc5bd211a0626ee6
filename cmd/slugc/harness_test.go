package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The tests of this package drive the real binary, built as users build it (without cgo), against
// real package registries. Toolchains are fetched once and kept in the user's cache directory
// between runs.
var (
	binary     string   // path of the slugc under test
	toolchains string   // shared toolchain store
	settings   []string // where this machine gets packages from, K=V
)

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "setting up:", err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "slugc-cmd-test-*")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	// Builds run as other users in some tests; the directory of the binary must be passable for
	// them.
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	binary = filepath.Join(dir, "slugc")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("building slugc: %w\n%s", err, out)
	}
	cacheDir, err := os.UserCacheDir()
	if err != nil {
		return 1, err
	}
	toolchains = filepath.Join(cacheDir, "slugc-test", "home-toolchains")
	if err := os.MkdirAll(toolchains, 0o755); err != nil {
		return 1, err
	}
	if settings, err = machineSettings(); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// machineSettings asks the ordinary clients where packages come from, so that tests with a HOME of
// their own reach the same places.
func machineSettings() ([]string, error) {
	list := []string{"PATH=" + filepath.Dir(binary) + ":" + os.Getenv("PATH")}
	for _, name := range passed {
		if v := os.Getenv(name); v != "" {
			list = append(list, name+"="+v)
		}
	}
	out, err := exec.Command("npm", "config", "get", "registry").Output()
	if err != nil {
		return nil, fmt.Errorf("asking npm for its registry: %w", err)
	}
	list = append(list, "SLUGC_NPM_REGISTRY="+strings.TrimSpace(string(out)))
	for _, name := range []string{"GOPROXY", "GOSUMDB", "GONOSUMDB"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			return nil, fmt.Errorf("asking go for %s: %w", name, err)
		}
		if v := strings.TrimSpace(string(out)); v != "" {
			list = append(list, name+"="+v)
		}
	}
	return list, nil
}

// state returns a state directory of its own, sharing only the toolchain store.
func state(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(toolchains, filepath.Join(dir, "toolchains")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// outcome is one run of slugc.
type outcome struct {
	stdout, stderr string
	exit           int
}

// slugc runs the binary with only the given environment besides the machine's settings.
func slugc(t testing.TB, home string, args ...string) outcome {
	t.Helper()
	return slugcIn(t, "", home, nil, args...)
}

func slugcIn(t testing.TB, dir, home string, env []string, args ...string) outcome {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	cmd.Env = append(append([]string{"HOME=" + home, "SLUGC_HOME=" + home, "TERM=dumb"}, settings...), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// decode reads an outcome's JSON document.
func decode[T any](t testing.TB, o outcome) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(o.stdout), &v); err != nil {
		t.Fatalf("stdout is not one JSON document: %v\nstdout: %s\nstderr: %s", err, o.stdout, o.stderr)
	}
	return v
}
