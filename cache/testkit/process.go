package testkit

import (
	"bufio"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// RunAndKill starts cmd, kills it at a random moment and returns the complete lines it had written
// to standard output. The moment lies within the given time after its start or, two times in three,
// after its first line. It may be called from any goroutine: trouble is an error of t.
func RunAndKill(t testing.TB, cmd *exec.Cmd, within time.Duration) []string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Errorf("starting %s: %v", cmd, err)
		return nil
	}
	reader := bufio.NewReader(out)
	var text strings.Builder
	if rand.N(3) > 0 {
		first, _ := reader.ReadString('\n')
		text.WriteString(first)
	}
	time.Sleep(rand.N(within))
	_ = cmd.Process.Kill()
	_, _ = io.Copy(&text, reader)
	_ = cmd.Wait()
	var lines []string
	for line := range strings.Lines(text.String()) {
		if whole, ok := strings.CutSuffix(line, "\n"); ok {
			lines = append(lines, whole)
		}
	}
	return lines
}

// StartAndAwaitLine starts cmd, waits for its first line and discards the rest. The process is
// killed when the test ends.
func StartAndAwaitLine(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("starting %s: %v", cmd, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	reader := bufio.NewReader(out)
	if _, err := reader.ReadString('\n'); err != nil {
		t.Fatalf("waiting for the first line of %s: %v", cmd, err)
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
}
