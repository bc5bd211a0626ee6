// Package toolchaintest is a kit for tests of toolchains: every source there is, in its real layout,
// on one loopback server. Only tests import it.
//
//	s := toolchaintest.NewServer(t)
//	s.AddNode("22.23.3", "Jod")
//	tool, recorder := toolchaintest.Get(t, s.Open(t.TempDir()), "node", "22.x")
package toolchaintest

import (
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

// Fails asks a store for one tool and returns the error, which must have one line.
func Fails(t testing.TB, st *toolchain.Store, tool, constraint string) error {
	t.Helper()
	got, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: tool, Constraint: constraint, From: "test"}}, nil)
	if err == nil {
		t.Fatalf("%s %q is %+v, want an error", tool, constraint, got)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error of more than one line: %v", err)
	}
	return err
}

// Staging lists what lies in a store's directory for unfinished trees.
func Staging(t testing.TB, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, ".staging"))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// Pick resolves a constraint on a tool against a listing. exact is the version that the constraint
// names alone.
func Pick(tool source.Tool, constraint string, l source.Listing) (version, note, exact string, err error) {
	c, err := tool.Parse(constraint)
	if err != nil {
		return "", "", "", err
	}
	version, note = c.Pick(l)
	return version, note, c.Exact, nil
}

// CheckNode checks that a tree is laid out as every Node must be, whatever its source.
func CheckNode(t testing.TB, dir string) {
	t.Helper()
	for _, p := range []string{"bin/node", "bin/npm", "include/node/node.h", "toolchain.json"} {
		if _, err := os.Stat(filepath.Join(dir, p)); err != nil {
			t.Error(err)
		}
	}
	if target, err := os.Readlink(filepath.Join(dir, "bin/npm")); target != "../lib/node_modules/npm/bin/npm-cli.js" {
		t.Errorf("bin/npm -> %q, %v", target, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "bin/npm")); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("bin/npm is no program: %v", err)
	}
	for _, p := range []string{"CHANGELOG.md", "share/man", "share/doc", "lib/node_modules/npm/docs", "lib/node_modules/npm/man"} {
		if _, err := os.Stat(filepath.Join(dir, p)); err == nil {
			t.Errorf("%s is still there", p)
		}
	}
}
