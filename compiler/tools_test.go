package compiler

import (
	"errors"
	"os"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/cache/testkit"
	"slugc/compiler/fault"
)

// TestDamagedToolchain: a damaged toolchain that can't be fetched again is nobody's fault, and the error
// names its directory and what is wrong with it.
func TestDamagedToolchain(t *testing.T) {
	t.Parallel()
	f := fault.Of(toolchainFault(&toolchain.DamagedError{
		Tool: "node", Version: "22.1.0", Tree: "/srv/node", What: "bin/node was changed", Err: errors.New("no network"),
	}))
	for _, words := range []string{"/srv/node", "bin/node was changed", "no network"} {
		if !strings.Contains(f.Error(), words) {
			t.Errorf("%q does not say %q", f, words)
		}
	}
	if f.ID != "toolchain/damaged" || f.Code != fault.ExitTransient || len(f.Hints) == 0 {
		t.Errorf("got %+v", f)
	}
}

// TestStickyVersion keeps an app that names no Ruby on the one of its last build, until that is
// gone.
func TestStickyVersion(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.req.Source.Dir = testkit.Tree(t, t.TempDir(), map[string]string{
		"Gemfile":      "source \"https://rubygems.org\"\n",
		"Gemfile.lock": "GEM\n  remote: https://rubygems.org/\n  specs:\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n",
	})
	m.src = m.req.Source.Dir
	store := m.Home.Path("toolchains")
	ruby := func(version string) { fakeTool(t, store, "ruby", version, map[string]string{"ruby": "exit 1"}) }
	uses := func(want string) {
		t.Helper()
		m.write("version", want)
		r := m.build()
		if len(r.Runtimes) != 1 || r.Runtimes[0].Name != "ruby" || r.Runtimes[0].Version != want {
			t.Errorf("runtimes %+v, want ruby %s; it reports %q", r.Runtimes, want, m.recorded.Lines)
		}
	}
	ruby("3.3.1")
	uses("3.3.1")
	ruby("3.4.1")
	uses("3.3.1")
	entries, err := os.ReadDir(m.Home.Path("toolchains", "ruby"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "3.3.1-") {
			if err := os.RemoveAll(m.Home.Path("toolchains", "ruby", e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	uses("3.4.1")
	if details := strings.Join(m.recorded.Only("detail"), "\n"); !strings.Contains(details, "3.3.1") {
		t.Errorf("it does not report that 3.3.1 is gone: %q", m.recorded.Lines)
	}
}
