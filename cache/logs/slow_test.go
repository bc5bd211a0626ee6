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
	const lines = 200
	for n := range lines {
		w.Write(line(fmt.Sprint(n)))
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	dropped := 0
	for end := time.Now().Add(20 * time.Second); dropped == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.Write(line("room again"))
		for _, r := range last(t, dir, 1000, func(r logs.Record) bool { return r.Source == logs.Slugc }) {
			if _, err := fmt.Sscanf(r.Text, "%d lines were not logged", &dropped); err != nil {
				t.Fatal(err)
			}
		}
	}
	closed(t, w)
	kept := last(
		t,
		dir,
		1000,
		func(r logs.Record) bool { return r.Source == logs.App && !strings.HasPrefix(r.Text, "room") },
	)
	if dropped == 0 || len(kept) == 0 || len(kept)+dropped < lines {
		t.Errorf("%d are kept and %d dropped of %d", len(kept), dropped, lines)
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
