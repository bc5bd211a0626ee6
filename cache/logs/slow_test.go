package logs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"slugc/cache/logs"
)

// A lock that is held holds writers up no longer than they wait, and what was dropped is counted.
func TestSlow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock := flock.New(filepath.Join(dir, "lock"))
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	w := open(t, dir, logs.Options{Queue: 10, Wait: time.Millisecond})
	const lines = 200 // in all longer than what is taken from the queue at once
	for n := range lines {
		w.Write(line(fmt.Sprint(n, strings.Repeat(".", 4000))))
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	var kept, dropped int
	end := time.Now().Add(20 * time.Second)
	for ; kept+dropped < lines && time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.Write(line("room again"))
		kept, dropped = 0, 0
		for _, r := range last(t, dir, 1000, func(logs.Record) bool { return true }) {
			n := 0
			switch {
			case r.Source == logs.Slugc:
				if _, err := fmt.Sscanf(r.Text, "%d lines were not logged", &n); err != nil {
					t.Fatal(err)
				}
				dropped += n
			case !strings.HasPrefix(r.Text, "room"):
				kept++
			}
		}
	}
	closed(t, w)
	if dropped == 0 || kept == 0 || kept+dropped < lines {
		t.Errorf("%d are kept and %d dropped of %d", kept, dropped, lines)
	}
}

func TestUnwritable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := logs.Open(filepath.Join(dir, "file"), logs.Options{}); err == nil {
		t.Error("a file can be a directory")
	}
	if err := os.Mkdir(filepath.Join(dir, "app.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := open(t, dir, logs.Options{})
	w.Write(line("x"))
	if err := w.Close(); err == nil || !strings.HasPrefix(err.Error(), "writing the log: ") {
		t.Errorf("the error is %v", err)
	}
}
