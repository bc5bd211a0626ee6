// Package testkit holds what tests of every room use. Only tests import it.
package testkit

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Write writes a file, with the directories above it.
func Write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Tree writes files below dir, by slash-separated name, and returns dir.
func Tree(t testing.TB, dir string, files map[string]string) string {
	t.Helper()
	for name, content := range files {
		Write(t, filepath.Join(dir, filepath.FromSlash(name)), content)
	}
	return dir
}

// Read returns a file's content.
func Read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Exists reports whether there is anything at the joined path, a dangling link included.
func Exists(elem ...string) bool {
	_, err := os.Lstat(filepath.Join(elem...))
	return err == nil
}

// FreePort returns a TCP port of loopback that nothing listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Eventually waits until holds returns true, for as long as a busy machine may need; what says
// what was waited for.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

var (
	programs sync.Mutex
	built    = map[string]string{} // path of the binary, by package
)

// Program builds a main package of this module, such as "./testdata/child", without cgo and once a
// test process, and returns the binary's path. Processes that build the same program share the
// compiler's cache.
func Program(t testing.TB, pkg string) string {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	if file := built[pkg]; file != "" {
		return file
	}
	dir, err := os.MkdirTemp("", "slugc-program-*")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, filepath.Base(pkg))
	build := exec.Command("go", "build", "-trimpath", "-o", file, pkg)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("building %s: %w\n%s", pkg, err, out))
	}
	if err := os.Chmod(dir, 0o755); err != nil { // other users run it in some tests
		t.Fatal(err)
	}
	built[pkg] = file
	return file
}
