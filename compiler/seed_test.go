package compiler

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/compiler/report/reporttest"
	"slugc/compiler/sandbox"
)

// seedable is a store with one Go, whose go command is a script, and a build that uses it.
func seedable(
	t *testing.T,
	level sandbox.Level,
	script string,
) (b *build, box *sandbox.Sandbox, h *reporttest.Recorder, seeded func(ctx context.Context, tools ...toolchain.Toolchain) ([]toolchain.Toolchain, error), tool toolchain.Toolchain) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "toolchains")
	tree := filepath.Join(dir, "go", "1.99.1-"+runtime.GOOS+"-"+runtime.GOARCH)
	record := fmt.Sprintf(
		`{"schema":1,"name":"go","version":"1.99.1","os":%q,"arch":%q,"source":"test"}`,
		runtime.GOOS,
		runtime.GOARCH,
	)
	err := errors.Join(
		os.MkdirAll(filepath.Join(tree, "bin"), 0o755),
		os.WriteFile(filepath.Join(tree, "toolchain.json"), []byte(record), 0o644),
		os.WriteFile(filepath.Join(tree, "bin", "go"), []byte("#!/bin/sh\n"+script), 0o755),
	)
	if err != nil {
		t.Fatal(err)
	}
	store, err := toolchain.Open(dir, toolchain.Settings{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	held, err := store.List()
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	box, err = sandbox.Probe(t.Context(), sandbox.ProbeOptions{Want: level})
	if err != nil {
		t.Fatal(err)
	}
	h = &reporttest.Recorder{}
	b = &build{Engine: &Engine{Report: h, Target: Target{OS: runtime.GOOS, Arch: runtime.GOARCH}}}
	return b, box, h, func(ctx context.Context, tools ...toolchain.Toolchain) ([]toolchain.Toolchain, error) {
		bind := sandbox.Bind{Host: dir, Inside: toolchainsMount}
		return b.seeded(ctx, store, tools, box, map[string]string{"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, bind)
	}, held[0]
}

// bestLevel is the best sandbox of this machine.
const bestLevel sandbox.Level = ""

func TestSeeded(t *testing.T) {
	for _, level := range []sandbox.Level{bestLevel, sandbox.None} {
		b, box, h, seeded, tool := seedable(
			t,
			level,
			`printf '%s\n' "$*" "$GOFLAGS" "$GOCACHE" "$GOROOT" >"$GOCACHE/said"; touch "$GOROOT/written" 2>/dev/null; echo done`,
		)
		for range 2 {
			list, err := seeded(t.Context(), toolchain.Toolchain{Tool: "node", Dir: "/n"}, tool)
			if err != nil || len(list) != 2 || list[0].Derived != nil {
				t.Fatalf("got %+v, %v", list, err)
			}
			dir := list[1].Derived["build-cache"]
			rel, err := filepath.Rel(list[1].Dir, dir)
			if err != nil || !filepath.IsLocal(rel) {
				t.Fatalf("the seed of %q is %q", list[1].Dir, dir)
			}
			said, err := os.ReadFile(filepath.Join(tool.Dir, rel, "said"))
			lines := strings.Split(string(said), "\n")
			if err != nil || len(lines) != 5 || lines[0] != "build -v std" ||
				!strings.HasPrefix(lines[1], "-trimpath") ||
				lines[3] != list[1].Dir {
				t.Errorf("the go command was called with %q, %v", lines, err)
			}
		}
		if want := []string{"step: Compiling the standard library of Go 1.99.1, once on this machine"}; !slices.Equal(
			h.Lines,
			want,
		) {
			t.Errorf("it said %q, want %q", h.Lines, want)
		}
		if tool.Derived != nil || len(b.phases) != 1 {
			t.Errorf("what goes into the slug names a seed: %+v; phases %v", tool, b.phases)
		}
		if _, err := os.Stat(filepath.Join(tool.Dir, "written")); err == nil && box.Level() != sandbox.None {
			t.Errorf("the toolchain can be written at level %s", box.Level())
		}
	}
}

// TestSeedFails breaks the go command: that is a warning with its last words, and the next build
// tries again.
func TestSeedFails(t *testing.T) {
	_, _, h, seeded, tool := seedable(t, sandbox.None, `echo first; echo "no space left on device" >&2; exit 3`)
	for range 2 {
		h.Lines = nil
		list, err := seeded(t.Context(), tool)
		if err != nil || len(list) != 1 || list[0].Derived != nil {
			t.Errorf("got %+v, %v", list, err)
		}
		if len(h.Lines) != 2 ||
			!strings.HasPrefix(h.Lines[1], "warn: The standard library of Go 1.99.1 is not compiled") ||
			!strings.HasSuffix(h.Lines[1], ": no space left on device") {
			t.Errorf("it said %q", h.Lines)
		}
	}
}

func TestSeedIsEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	_, _, h, seeded, tool := seedable(t, sandbox.None, `sleep 100`)
	enough := errors.New("enough")
	cancel(enough)
	if list, err := seeded(ctx, tool); !errors.Is(err, enough) || list != nil {
		t.Errorf("got %v, %v; it said %q", list, err, h.Lines)
	}
}

func TestSeedOfTheMachines(t *testing.T) {
	_, _, h, seeded, tool := seedable(t, sandbox.None, `exit 1`)
	tool.Source, tool.Dir = "this machine", "/usr/local/go"
	list, err := seeded(t.Context(), tool)
	if err != nil || list[0].Dir != "/usr/local/go" || list[0].Derived != nil || len(h.Lines) != 0 {
		t.Errorf("got %+v, %v; it said %q", list, err, h.Lines)
	}
}
