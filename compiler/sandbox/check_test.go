package sandbox_test

import (
	"os"
	"path/filepath"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

func TestRefusedSpecs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink("/usr", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	bind := func(binds ...sandbox.Bind) func(*sandbox.Spec) {
		return func(s *sandbox.Spec) { s.Binds = binds }
	}
	app := sandbox.Bind{Host: dir, Inside: "/app", Writable: true}
	tests := map[string]func(*sandbox.Spec){
		"no program":              func(s *sandbox.Spec) { s.Args = nil },
		"relative program":        func(s *sandbox.Spec) { s.Args = []string{"sh"} },
		"NUL":                     func(s *sandbox.Spec) { s.Args = append(s.Args, "a\x00--share-net") },
		"relative directory":      func(s *sandbox.Spec) { s.Dir = "app" },
		"missing directory":       func(s *sandbox.Spec) { s.Dir = "/no/such" },
		"no value":                func(s *sandbox.Spec) { s.Env = []string{"A"} },
		"no name":                 func(s *sandbox.Spec) { s.Env = []string{"=A"} },
		"NUL in the environment":  func(s *sandbox.Spec) { s.Env = []string{"A=\x00--share-net"} },
		"missing bind":            bind(sandbox.Bind{Host: dir + "/none", Inside: "/x"}),
		"relative bind":           bind(sandbox.Bind{Host: dir, Inside: "x"}),
		"dots":                    bind(sandbox.Bind{Host: dir, Inside: "/x/../usr"}),
		"writable link":           bind(sandbox.Bind{Host: dir + "/link", Inside: "/x", Writable: true}),
		"over the system":         bind(sandbox.Bind{Host: dir, Inside: "/usr/bin"}),
		"over everything":         bind(sandbox.Bind{Host: dir, Inside: "/"}),
		"over /proc":              bind(sandbox.Bind{Host: dir, Inside: "/proc"}),
		"through a link":          bind(app, sandbox.Bind{Host: t.TempDir(), Inside: "/app/link/local"}),
		"through a link, at once": bind(app, sandbox.Bind{Host: t.TempDir(), Inside: "/app/link"}),
	}
	box := at(t, sandbox.Bubblewrap)
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, out := sh("echo RAN")
			change(&spec)
			if err := box.Run(t.Context(), spec); err == nil || out.Contains("RAN") {
				t.Errorf("it was run: %v %s", err, out)
			}
		})
	}
}

// TestSystemBind holds that what every child sees anyway may be bound to its place, and nothing else there.
func TestSystemBind(t *testing.T) {
	t.Parallel()
	testkit.NeedsTools(t, "bubblewrap")
	for _, level := range []sandbox.Level{sandbox.Bubblewrap, sandbox.Landlock, sandbox.None} {
		spec, out := sh("test -x /usr/bin/env && echo RAN")
		spec.Binds = []sandbox.Bind{
			{Host: "/usr/bin", Inside: "/usr/bin"}, {Host: "/bin/sh", Inside: "/bin/sh"},
		}
		if err := at(t, level).Run(t.Context(), spec); err != nil || !out.Contains("RAN") {
			t.Errorf("%s: %v %s", level, err, out)
		}
	}
	for _, bind := range []sandbox.Bind{
		{Host: "/usr/bin", Inside: "/usr/lib"}, {Host: "/usr/bin", Inside: "/usr/bin", Writable: true},
	} {
		spec, out := sh("echo RAN")
		spec.Binds = []sandbox.Bind{bind}
		if err := at(t, sandbox.Bubblewrap).Run(t.Context(), spec); err == nil || out.Contains("RAN") {
			t.Errorf("%+v: %v %s", bind, err, out)
		}
	}
}
