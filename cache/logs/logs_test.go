package logs_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/logs"
)

// TestMain is a writer too: tests run this binary again, to kill it.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "write" {
		w, err := logs.Open(os.Args[2], logs.Options{Size: 50_000})
		if err != nil {
			panic(err)
		}
		for n := 0; ; n++ {
			w.Write(
				logs.Record{
					Source:  logs.App,
					Process: fmt.Sprintf("killed.%d", os.Getpid()),
					Text:    fmt.Sprint(n, " ", strings.Repeat("k", n%9000)),
				},
			)
		}
	}
	os.Exit(m.Run())
}

func open(t *testing.T, dir string, o logs.Options) *logs.Writer {
	t.Helper()
	w, err := logs.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func closed(t *testing.T, w *logs.Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func last(t *testing.T, dir string, n int, want func(logs.Record) bool) []logs.Record {
	t.Helper()
	r := logs.NewReader(dir, want)
	defer r.Close()
	list, err := r.Last(n)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func line(text string) logs.Record {
	return logs.Record{Release: 3, Source: logs.App, Process: "web.1", Text: text}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	if list := last(t, dir, 10, nil); len(list) != 0 {
		t.Errorf("without a directory there are %v", list)
	}
	at := time.Date(2026, 11, 25, 19, 0, 0, 123456789, time.UTC)
	w := open(t, dir, logs.Options{})
	first := line("hello")
	first.Time = at
	w.Write(first)
	w.Write(logs.Record{Time: at, Source: logs.Slugc, Process: "follow", Text: "a]: b\x1b[1m\x00\r"})
	w.Write(logs.Record{Time: at, Release: 3, Source: logs.App, Process: "web.1", Text: "two\n\nlines\n"})
	w.Write(logs.Record{Time: at, Release: 3, Source: logs.App, Process: "web.1"})
	closed(t, w)
	w.Write(line("after the end"))
	var got []string
	for _, r := range last(t, dir, 10, nil) {
		got = append(got, fmt.Sprint(r.Release, " ", r))
	}
	const stamp = "2026-11-25T19:00:00.123456Z "
	want := []string{
		"3 " + stamp + "app[web.1]: hello",
		"0 " + stamp + "slugc[follow]: a]: b\x1b[1m\x00\r",
		"3 " + stamp + "app[web.1]: two",
		"3 " + stamp + "app[web.1]: ",
		"3 " + stamp + "app[web.1]: lines",
		"3 " + stamp + "app[web.1]: ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if list := last(t, dir, 1, func(r logs.Record) bool { return r.Source == logs.Slugc }); len(list) != 1 ||
		list[0].Process != "follow" {
		t.Errorf("filtered: %v", list)
	}
	if list := last(t, dir, 0, nil); len(list) != 0 {
		t.Errorf("of none there are %v", list)
	}
}

// A long line is split between characters, and nothing is lost.
func TestLongLine(t *testing.T) {
	t.Parallel()
	dir, text := t.TempDir(), strings.Repeat("ä", 3*logs.MaxText)
	w := open(t, dir, logs.Options{})
	w.Write(line(text))
	closed(t, w)
	var all strings.Builder
	for _, r := range last(t, dir, 100, nil) {
		if len(r.Text) > logs.MaxText || strings.ContainsRune(r.Text, '\ufffd') {
			t.Errorf("a record has %d bytes", len(r.Text))
		}
		all.WriteString(r.Text)
	}
	if all.String() != text {
		t.Errorf("%d bytes of %d are there", all.Len(), len(text))
	}
}

// Many writers rotate under a reader that follows: it sees every record once, in each writer's
// order, and the files stay within their bound.
func TestRotation(t *testing.T) {
	t.Parallel()
	const writers, each, size = 4, 400, 20_000
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	next := map[string]int{}
	seen := 0
	r := logs.NewReader(dir, nil)
	defer r.Close()
	if _, err := r.Last(0); err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	var pace = make(chan struct{}, writers*each)
	for n := range writers {
		w := open(t, dir, logs.Options{Size: size})
		writing.Go(func() {
			defer closed(t, w)
			for i := range each {
				rec := line(fmt.Sprintf("%d %s", i, strings.Repeat("x", 60)))
				rec.Process = fmt.Sprintf("web.%d", n)
				w.Write(rec)
				if i%40 == 39 {
					<-pace // what is not read is not to be rotated away
				}
			}
		})
	}
	err := r.Follow(ctx, func(rec logs.Record) error {
		var i int
		if _, err := fmt.Sscan(rec.Text, &i); err != nil || i != next[rec.Process] {
			return fmt.Errorf("%s says %d, and %d is next", rec.Process, i, next[rec.Process])
		}
		next[rec.Process]++
		if seen++; seen == writers*each {
			cancel()
		}
		if seen%40 == 0 {
			pace <- struct{}{}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	writing.Wait()
	files, err := filepath.Glob(filepath.Join(dir, "app.log*"))
	if err != nil || len(files) != 5 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Size() > size {
			t.Errorf("%s: %v, %v", f, info.Size(), err)
		}
	}
}

// Writers are killed while they write: what the others wrote is whole, and what the killed wrote is
// a beginning of it, without a hole.
func TestKilledWriters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 8 {
		cmd := exec.Command(os.Args[0], "write", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		who := fmt.Sprintf("killed.%d", cmd.Process.Pid)
		for end := time.Now().Add(20 * time.Second); len(last(t, dir, 5,
			func(r logs.Record) bool { return r.Process == who })) < 5; {
			if time.Now().After(end) {
				t.Fatal("the writer does not write")
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		w := open(t, dir, logs.Options{Size: 50_000})
		w.Write(line("after " + who))
		closed(t, w)
		if list := last(t, dir, 1, nil); len(list) != 1 || list[0].Text != "after "+who {
			t.Fatalf("the last record is %v", list)
		}
	}
	before := map[string]int{}
	for _, r := range last(t, dir, 1<<30, func(r logs.Record) bool { return strings.HasPrefix(r.Process, "killed") }) {
		var n int
		if _, err := fmt.Sscan(r.Text, &n); err != nil {
			t.Fatalf("%q: %v", r.Text[:20], err)
		}
		if former, ok := before[r.Process]; ok && n != former+1 {
			t.Errorf("%s: %d follows %d", r.Process, n, former)
		}
		before[r.Process] = n
	}
}

// What a killed writer left without end does not swallow the next record.
func TestUnfinishedLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.log"),
		[]byte("2026-11-25T19:00:00.123456Z v3 app[web.1]: unfini"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := open(t, dir, logs.Options{})
	w.Write(line("next"))
	closed(t, w)
	if list := last(t, dir, 10, nil); len(list) != 2 || list[0].Text != "unfini" || list[1].Text != "next" {
		t.Errorf("there are %v", list)
	}
}
