package compiler

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/toolchaintest"
	"slugc/cache/testkit"
	"slugc/compiler/slug"
	"slugc/compiler/source"
)

// tooOldFor has the stub buildpack fail, after it has changed its copy of the source, with the Go of a line.
const tooOldFor = `
echo touched >>touched
grep -rq '"%s"' "$platform" || exit 0
echo '{"id":"go/version-too-new","summary":"It needs Go 1.20.","hints":["raise it"],"newer":"go"}' >"$SLUGC_DIAGNOSIS"
exit 1
`

// oldApp returns a machine with an app whose go.mod says go 1.18, and Go 1.18.10 and later releases to fetch.
func oldApp(t *testing.T, failsWith string, releases ...string) *machine {
	t.Helper()
	m, srv := newMachine(t, t.TempDir()), toolchaintest.NewServer(t)
	for _, release := range releases {
		srv.AddGoModule(release)
	}
	store := m.Home.Path("toolchains-here")
	m.Toolchains = func(context.Context, []string, bool) (*toolchain.Store, error) { return srv.Open(store), nil }
	m.write("go.mod", "module example.com/hello\n\ngo 1.18\n")
	m.write("build.sh", strings.ReplaceAll(tooOldFor, "%s", failsWith))
	return m
}

// TestNewer takes a newer Go at once where that of the go line cannot build the app, from a clean copy of the
// source, unless the app pins its Go or there is none.
func TestNewer(t *testing.T) {
	t.Parallel()
	m := oldApp(t, "1.18.10", "1.18.10", "1.26.1")
	r := m.build()
	warned := m.recorded.Has("warn: It needs Go 1.20. The newest Go is used instead.")
	if got := r.Runtimes[0].Version; got != "1.26.1" || !warned {
		t.Errorf("it uses Go %s and reports %q", got, m.recorded.Lines)
	}
	if text := slugFile(t, r, "touched"); text != "touched\n" {
		t.Errorf("the second build starts with %q", text)
	}
	archive, err := exec.Command("tar", "-C", m.src, "-c", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if r, err := m.change(func(q *Request) {
		q.Source = source.Spec{Kind: source.Tarball, Reader: bytes.NewReader(archive)}
		q.Fresh = true
	}); err != nil || r.Runtimes[0].Version != "1.26.1" || slugFile(t, r, "touched") != "touched\n" {
		t.Errorf("of a tarball: got %+v, %v", r, err)
	}
	m.req.Env = map[string]string{"GOVERSION": "1.18"}
	if f := m.fails("go/version-too-new"); f.Error() != "It needs Go 1.20." {
		t.Errorf("pinned, it fails with %v", f)
	}
	// Only that of the line is there: the reason is still what is wrong with it.
	oldApp(t, "1.18.10", "1.18.10").fails("go/version-too-new")
	// No Go helps: there is no third try.
	m = oldApp(t, "1.", "1.18.10", "1.26.1")
	m.write("build.sh", strings.ReplaceAll(tooOldFor, `grep -rq '"%s"'`, "grep -rq go"))
	m.fails("go/version-too-new")
	if n := strings.Count(strings.Join(m.recorded.Lines, "\n"), "is used instead"); n != 1 {
		t.Errorf("it tries %d times more: %q", n, m.recorded.Lines)
	}
}

// TestNewerServes takes a newer Go where the go line's own cannot be had.
func TestNewerServes(t *testing.T) {
	t.Parallel()
	m := oldApp(t, "none", "1.26.1")
	if got := m.build().Runtimes[0].Version; got != "1.26.1" {
		t.Errorf("it uses Go %s", got)
	}
	if text := strings.Join(m.recorded.Only("warn"), "\n"); !strings.Contains(text, "the newest is used instead") {
		t.Errorf("it warns %q", text)
	}
}

// slugFile returns the content of a file of the slug's app.
func slugFile(t *testing.T, r *Result, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := slug.Unpack(t.Context(), r.Slug.Path, dir, slug.UnpackOptions{}); err != nil {
		t.Fatal(err)
	}
	return testkit.Read(t, filepath.Join(dir, name))
}
