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
	"time"

	"slugc/buildpacks/toolchain"
	"slugc/cache/testkit"
	"slugc/compiler/fault"
	"slugc/compiler/report/reporttest"
	"slugc/compiler/sandbox"
	"slugc/detect"
)

// precompilerOf returns a precompiler whose store holds one Go, and that Go. Its go command is a
// shell script.
func precompilerOf(
	t *testing.T, level sandbox.Level, script string,
) (precompiler, *reporttest.Recorder, toolchain.Toolchain) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "toolchains")
	fakeTool(t, dir, "go", "1.99.1", map[string]string{"go": script})
	store, err := toolchain.Open(dir, toolchain.Settings{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	held, err := store.List()
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	box, err := sandbox.Probe(t.Context(), sandbox.ProbeOptions{Want: level})
	if err != nil {
		t.Fatal(err)
	}
	recorded := &reporttest.Recorder{}
	return precompiler{
		storeMount: storeMount{box, sandbox.Bind{Host: dir, Inside: toolchainsMount}},
		lease:      store.Lease(nil), report: recorded, clock: newClock(), os: runtime.GOOS, arch: runtime.GOARCH,
		env: map[string]string{"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
	}, recorded, held[0]
}

// fakeTool puts a tool whose programs are shell scripts into a toolchain store's directory.
func fakeTool(t *testing.T, store, tool, version string, programs map[string]string) {
	t.Helper()
	tree := filepath.Join(store, tool, version+"-"+runtime.GOOS+"-"+runtime.GOARCH)
	testkit.Write(t, filepath.Join(tree, "toolchain.json"), fmt.Sprintf(
		`{"schema":1,"name":%q,"version":%q,"os":%q,"arch":%q,"source":"test"}`,
		tool, version, runtime.GOOS, runtime.GOARCH))
	for name, script := range programs {
		file := filepath.Join(tree, "bin", name)
		testkit.Write(t, file, "#!/bin/sh\n"+script)
		if err := os.Chmod(file, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// bestLevel is the best sandbox of this machine.
const bestLevel sandbox.Level = ""

// TestPrecompiled compiles a standard library, and finds it compiled the second time.
func TestPrecompiled(t *testing.T) {
	t.Parallel()
	const script = `printf '%s\n' "$*" "$GOFLAGS" "$GOCACHE" "$GOROOT" >"$GOCACHE/said"
touch "$GOROOT/written" 2>/dev/null
echo done`
	for _, level := range []sandbox.Level{bestLevel, sandbox.None} {
		p, recorded, tool := precompilerOf(t, level, script)
		for range 2 {
			list, err := p.show(t.Context(), []toolchain.Toolchain{{Tool: "node", Dir: "/n"}, tool})
			if err != nil || len(list) != 2 || list[0].Derived != nil {
				t.Fatalf("got %+v, %v", list, err)
			}
			dir := list[1].Derived["build-cache"]
			rel, err := filepath.Rel(list[1].Dir, dir)
			if err != nil || !filepath.IsLocal(rel) {
				t.Fatalf("the standard library of %q is in %q", list[1].Dir, dir)
			}
			lines := strings.Split(testkit.Read(t, filepath.Join(tool.Dir, rel, "said")), "\n")
			if len(lines) != 5 || !strings.HasPrefix(lines[0], "build -v net/http ") ||
				!strings.HasPrefix(lines[1], "-trimpath") || lines[3] != list[1].Dir {
				t.Errorf("the go command was called with %q", lines)
			}
		}
		want := []string{"step: Compiling the standard library of Go 1.99.1, once on this machine"}
		if !slices.Equal(recorded.Lines, want) {
			t.Errorf("it reports %q, want %q", recorded.Lines, want)
		}
		if tool.Derived != nil || len(p.clock.phases) != 1 || p.clock.phases[0].Name != "standard library" {
			t.Errorf("the slug's tool is changed: %+v; phases %v", tool, p.clock.phases)
		}
		if testkit.Exists(tool.Dir, "written") && p.box.Level() != sandbox.None {
			t.Errorf("the toolchain can be written at level %s", p.box.Level())
		}
	}
}

// TestPrecompileFails breaks the go command: that is a warning with its last words, and the next
// build tries again.
func TestPrecompileFails(t *testing.T) {
	t.Parallel()
	p, recorded, tool := precompilerOf(t, sandbox.None, `echo first; echo "no space left on device" >&2; exit 3`)
	for range 2 {
		recorded.Lines = nil
		list, err := p.show(t.Context(), []toolchain.Toolchain{tool})
		if err != nil || len(list) != 1 || list[0].Derived != nil {
			t.Errorf("got %+v, %v", list, err)
		}
		if len(recorded.Lines) != 2 ||
			!strings.HasPrefix(recorded.Lines[1], "warn: The standard library of Go 1.99.1 is not compiled") ||
			!strings.HasSuffix(recorded.Lines[1], ": no space left on device") {
			t.Errorf("it reports %q", recorded.Lines)
		}
	}
}

// TestPrecompileLimited holds a compilation to what a build may use.
func TestPrecompileLimited(t *testing.T) {
	t.Parallel()
	p, recorded, tool := precompilerOf(t, sandbox.None, `head -c 60000000 /dev/zero >"$GOCACHE/big"; sleep 60`)
	p.limits = forMachine(sandbox.Limits{Deadline: time.Millisecond, Idle: time.Millisecond, Disk: 20e6})
	if list, err := p.show(t.Context(), []toolchain.Toolchain{tool}); err != nil || list[0].Derived != nil {
		t.Errorf("got %+v, %v", list, err)
	}
	if text := strings.Join(recorded.Lines, "\n"); !strings.Contains(text, "wrote ") ||
		!strings.Contains(text, "limit 20.0 MB") {
		t.Errorf("it reports %q", recorded.Lines)
	}
}

// TestPrecompileCancelled ends the build during the compilation.
func TestPrecompileCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	p, recorded, tool := precompilerOf(t, sandbox.None, `sleep 100`)
	enough := errors.New("enough")
	cancel(enough)
	if list, err := p.show(ctx, []toolchain.Toolchain{tool}); !errors.Is(err, enough) || list != nil {
		t.Errorf("got %v, %v; it reports %q", list, err, recorded.Lines)
	}
}

// TestPrecompileOptional compiles nothing for an app that needs little, and uses what there is.
func TestPrecompileOptional(t *testing.T) {
	t.Parallel()
	p, recorded, tool := precompilerOf(t, sandbox.None, `echo done`)
	for _, web := range []bool{false, true, false} {
		p.app = []detect.Result{{App: &detect.GoApp{Web: web}}}
		recorded.Lines = nil
		list, err := p.show(t.Context(), []toolchain.Toolchain{tool})
		if err != nil {
			t.Fatal(err)
		}
		made, said := len(p.clock.phases) > 0, len(recorded.Lines) > 0
		if there := list[0].Derived != nil; there != (web || made) || !web && said {
			t.Errorf("for a web app %t: %+v, it reports %q", web, list, recorded.Lines)
		}
	}
}

// TestPrecompileForeignTool leaves alone a Go that is not in the store.
func TestPrecompileForeignTool(t *testing.T) {
	t.Parallel()
	p, recorded, tool := precompilerOf(t, sandbox.None, `exit 1`)
	tool.Source, tool.Dir = "this machine", "/usr/local/go"
	list, err := p.show(t.Context(), []toolchain.Toolchain{tool})
	if err != nil || list[0].Dir != "/usr/local/go" || list[0].Derived != nil || len(recorded.Lines) != 0 {
		t.Errorf("got %+v, %v; it reports %q", list, err, recorded.Lines)
	}
}

// TestLastLine reads what slugc's own programs say at their end: the machine's trouble is the machine's.
func TestLastLine(t *testing.T) {
	for output, id := range map[string]string{
		"open /runtime/part.js: too many open files\n": "system/files",
		"open /runtime/part.js: permission denied\n":   "disk/permission",
		"write /runtime/x: no space left on device\n":  "disk/full",
		"too many open files\nexit status 2\n":         "slugc/internal",
	} {
		err := withLastLine(errors.New("exited with code 1"), output)
		if f := fault.Of(err); f.ID != id || err.Error() != "exited with code 1: "+lastLine(output) {
			t.Errorf("%q: %s, %v; want %s", output, f.ID, err, id)
		}
	}
}
