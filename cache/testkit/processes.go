package testkit

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Buffer is a writer whose content a test may read while a process writes. The zero value is empty.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends p. It never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Contains reports whether text was written.
func (b *Buffer) Contains(text string) bool { return strings.Contains(b.String(), text) }

// Marker returns an argument for sleep(1) that no other process has: fifty minutes or more.
func Marker() string { return fmt.Sprintf("%d.%09d", 3000+rand.IntN(1000), rand.IntN(1e9)) }

// Processes returns the command lines of the living processes, this one excepted, whose arguments
// contain marker. It reads Linux's /proc.
func Processes(t testing.TB, marker string) []string { return find(t, marker, "cmdline") }

// ProcessesOf is [Processes], but also looks at their environment, where a state directory's path is.
func ProcessesOf(t testing.TB, marker string) []string { return find(t, marker, "cmdline", "environ") }

func find(t testing.TB, marker string, files ...string) (found []string) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		for _, file := range files {
			// A process that has ended meanwhile has no such file.
			text, _ := os.ReadFile(filepath.Join(dir, file))
			if bytes.Contains(text, []byte(marker)) && filepath.Base(dir) != strconv.Itoa(os.Getpid()) {
				line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
				found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
				break
			}
		}
	}
	return found
}

// NoProcess fails the test when a process is left that [Processes] finds.
func NoProcess(t testing.TB, marker string) {
	t.Helper()
	if left := Processes(t, marker); len(left) > 0 {
		t.Errorf("these processes are left: %q", left)
	}
}
