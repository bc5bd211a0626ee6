// Package toolchaintest is a kit for tests of toolchains: every source there is, in its real
// layout, on one loopback server. Only tests import it.
//
//	s := toolchaintest.NewServer(t)
//	s.AddNode("22.23.3", "Jod")
//	tool, recorder := toolchaintest.Get(t, s.Open(t.TempDir()), "node", "22.x")
package toolchaintest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/source"
)

// Recorder is a [toolchain.Progress] that keeps what it is told.
type Recorder struct {
	mu    sync.Mutex
	notes []string
	done  map[string]int64
}

// Fetch keeps how many bytes of a version have arrived.
func (r *Recorder) Fetch(tool, version string, done, _ int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done == nil {
		r.done = map[string]int64{}
	}
	r.done[tool+" "+version] = max(done, r.done[tool+" "+version])
}

// Note keeps a line.
func (r *Recorder) Note(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, line)
}

// Notes are the lines.
func (r *Recorder) Notes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.notes
}

// Text is the lines as one text.
func (r *Recorder) Text() string { return strings.Join(r.Notes(), "\n") }

// Done is how many bytes of a version have arrived.
func (r *Recorder) Done(tool, version string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done[tool+" "+version]
}

// Get asks a store for one tool.
func Get(t testing.TB, st *toolchain.Store, tool, constraint string) (toolchain.Toolchain, *Recorder) {
	t.Helper()
	r := &Recorder{}
	got, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: tool, Constraint: constraint, From: "test"}}, r)
	if err != nil {
		t.Fatal(err)
	}
	return got[0], r
}

// Fails asks a store for one tool and returns the error, which must have one line and want in it.
func Fails(t testing.TB, st *toolchain.Store, tool, constraint, want string) error {
	t.Helper()
	got, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: tool, Constraint: constraint, From: "test"}}, nil)
	if err == nil {
		t.Fatalf("%s %q is %+v, want an error", tool, constraint, got)
	}
	if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), want) {
		t.Errorf("%s %q: error %q, want one line with %q", tool, constraint, err, want)
	}
	return err
}

// IsNotFound reports whether an error means that no source has the version.
func IsNotFound(err error) bool {
	none, ok := errors.AsType[*toolchain.Unavailable](err)
	return ok && none.NotFound() && !none.Transient()
}

// IsTransient reports whether an error means that another try may help.
func IsTransient(err error) bool {
	none, ok := errors.AsType[*toolchain.Unavailable](err)
	return ok && none.Transient() && !none.NotFound()
}

// Staging lists what is in a store's directory for unfinished trees.
func Staging(t testing.TB, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, ".staging"))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// CheckPicks resolves constraints on a tool against a listing. A pick is a constraint, the version
// that it must resolve to, and the version that it names alone, each "" for none. Texts in bad must
// not be read.
func CheckPicks(t testing.TB, tool source.Tool, l source.Listing, picks [][3]string, bad ...string) {
	t.Helper()
	for _, p := range picks {
		c, err := tool.Parse(p[0])
		if err != nil {
			t.Errorf("%s %q: %v", tool.Name, p[0], err)
			continue
		}
		if got, _ := c.Pick(l); got != p[1] || c.Exact != p[2] {
			t.Errorf("%s %q = %q, exact %q; want %q, %q", tool.Name, p[0], got, c.Exact, p[1], p[2])
		}
	}
	for _, text := range bad {
		if _, err := tool.Parse(text); err == nil {
			t.Errorf("%s %q is read, want an error", tool.Name, text)
		}
	}
}

// CheckNode checks that a tree is laid out as every Node must be, whatever its source.
func CheckNode(t testing.TB, dir string) {
	t.Helper()
	for _, p := range []string{"bin/node", "bin/npm", "include/node/node.h", "toolchain.json"} {
		if _, err := os.Stat(filepath.Join(dir, p)); err != nil {
			t.Error(err)
		}
	}
	target, err := os.Readlink(filepath.Join(dir, "bin/npm"))
	if target != "../lib/node_modules/npm/bin/npm-cli.js" {
		t.Errorf("bin/npm leads to %q, %v", target, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "bin/npm")); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("bin/npm is no program: %v", err)
	}
	for _, p := range []string{
		"CHANGELOG.md", "share/man", "share/doc", "lib/node_modules/npm/docs", "lib/node_modules/npm/man",
	} {
		if _, err := os.Stat(filepath.Join(dir, p)); err == nil {
			t.Errorf("%s is still there", p)
		}
	}
}
