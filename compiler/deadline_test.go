package compiler

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
	"slugc/compiler/source"
	"slugc/detect"
)

// TestSourceDeadline holds reading the source to the deadline of the build.
func TestSourceDeadline(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.req.Limits.Deadline = time.Nanosecond
	if f := m.fails("build/limit"); !strings.HasPrefix(f.Error(), "reading the source: stopped after 1ns") {
		t.Errorf("got %v", f)
	}
}

// TestDetectionDeadline holds what only looks at the source to the same deadline.
func TestDetectionDeadline(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.write("api/go.mod", "module example.com/api\n")
	b := &build{Engine: m.Engine, Request: m.req, clock: newClock()}
	b.Limits.Deadline = time.Nanosecond
	staged := Staged{Tree: &source.Tree{Root: m.src}}
	for want, do := range map[string]func() error{
		"reading the source: stopped after 1ns": func() error {
			ctx, end := b.bounded(t.Context())
			spec := source.Spec{Kind: source.Dir, Dir: m.src, Subdir: "api", Select: SelectMember(ctx)}
			_, err := source.Open(t.Context(), spec, source.Options{})
			return end("reading the source", err)
		},
		"detecting the language: stopped after 1ns": func() error {
			_, err := b.detect(t.Context(), staged)
			return err
		},
	} {
		f := fault.Of(do())
		if f == nil || f.ID != "build/limit" || f.Code != fault.ExitBuild || !strings.HasPrefix(f.Error(), want) {
			t.Errorf("got %v, want %s", f, want)
		}
	}
}

// stuck is a file system, such as one of a server that is gone, that never opens a file.
type stuck struct {
	fs.FS
	free chan struct{}
}

func (s stuck) Open(name string) (fs.File, error) {
	<-s.free
	return s.FS.Open(name)
}

// TestStuckFiles does not wait for a file system that never answers.
func TestStuckFiles(t *testing.T) {
	t.Parallel()
	files := stuck{fstest.MapFS{}, make(chan struct{})}
	defer close(files.free)
	ctx, end := Bounded(t.Context(), time.Millisecond)
	_, err := awaited(ctx, func() ([]detect.Verdict, error) { return detect.All(detect.Input{FS: files}), nil })
	limit, ok := errors.AsType[*sandbox.LimitError](end("detecting the language", err))
	if !ok || limit.Which != sandbox.LimitDeadline {
		t.Errorf("got %v, want a deadline", err)
	}
}

// TestUnbounded waits where there is no limit, and passes on other errors.
func TestUnbounded(t *testing.T) {
	t.Parallel()
	for _, limit := range []time.Duration{0, time.Hour} {
		ctx, end := Bounded(t.Context(), limit)
		want := errors.New("no such file")
		got, err := awaited(ctx, func() (int, error) { return 3, want })
		if got != 3 || end("reading", err) != want {
			t.Errorf("with limit %s: got %d, %v", limit, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := Detect(ctx, fstest.MapFS{}, "", nil)
	if !errors.Is(err, context.Canceled) || fault.Of(err) != nil && fault.Of(err).ID == "build/limit" {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}
