package main

import (
	"strings"
	"testing"

	"slugc/cmd/slugc/slugctest"
)

// TestLoadable runs the slug of another machine: what it cannot load is said, and refused only if it would start.
func TestLoadable(t *testing.T) {
	t.Parallel()
	file, home := slugctest.UnloadableSlug(t), slugctest.Home(t)
	o := slugctest.Run(t, home, "run", file, "worker")
	if o.Exit != 0 || o.Stdout != "works\n" || !strings.Contains(o.Stderr, "/lib/ld-none.so.1, which is not here") {
		t.Errorf("a type that can be loaded ends with %d: %s%s", o.Exit, o.Stdout, o.Stderr)
	}
	o = slugctest.RunIn(t, t.TempDir(), home, []string{"SLUGC_ABI=warn"}, "run", file)
	if o.Exit != 126 && o.Exit != 127 || !strings.Contains(o.Stderr, "/lib/ld-none.so.1, which is not here") {
		t.Errorf("with SLUGC_ABI=warn it ends with %d: %s", o.Exit, o.Stderr)
	}
	o = slugctest.Run(t, home, "inspect", file)
	for _, want := range []string{"interpreter", "/lib/ld-none.so.1", "libnone.so.1", "bin/server"} {
		if !strings.Contains(o.Stdout, want) {
			t.Errorf("inspect does not show %s:\n%s", want, o.Stdout)
		}
	}
}

// TestMounted runs a slug that is to be seen at /app.
func TestMounted(t *testing.T) {
	t.Parallel()
	file, home := slugctest.MountedSlug(t, "/app", "/workspace", "/layers"), slugctest.Home(t)
	if o := slugctest.Run(t, home, "run", file); o.Exit != 0 || o.Stdout != "/app\nat /app" {
		t.Errorf("run ends with %d: %q %s", o.Exit, o.Stdout, o.Stderr)
	}
	o := slugctest.Run(t, home, "start", file, "--no-timestamp")
	if o.Exit != 0 || !strings.Contains(o.Stdout, "at /app\n") {
		t.Errorf("start ends with %d: %q %s", o.Exit, o.Stdout, o.Stderr)
	}
	if o := slugctest.Run(t, home, "inspect", file); !strings.Contains(o.Stdout, "/app, /workspace, /layers") {
		t.Errorf("inspect does not show the mounts: %s", o.Stdout)
	}
}
