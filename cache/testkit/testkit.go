// Package testkit holds what tests of every package use. Only tests import it.
//
//	dir := testkit.Tree(t, t.TempDir(), map[string]string{"Procfile": "web: ./serve\n"})
//	child := testkit.Program(t, "./testdata/child")
//	out := &testkit.Buffer{} // a command writes while the test reads
//	testkit.Eventually(t, "the server", func() bool { return out.Contains("listening") })
package testkit

import (
	"net"
	"os"
	"path/filepath"
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

// Eventually waits until holds returns true, for as long as a busy machine may need. It asks often at
// first. The test fails with what it waited for.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	const limit = 2 * time.Minute
	for deadline, pause := time.Now().Add(limit), 2*time.Millisecond; !holds(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", limit, what)
		}
		pause = min(pause*5/4, 50*time.Millisecond)
	}
}
