package compiler

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/reference"
	"slugc/cache/testkit"
)

// sliceScript makes a slice, unless the platform can supply it, and says which it was.
const sliceScript = `if grep -q deps "$platform/slices.json"; then echo reused; else
  mkdir deps; head -c 100000 /dev/zero >deps/library; echo installed; fi
cat >>"$layers/launch.toml" <<'END'
[[slices]]
paths = ["deps"]
[[labels]]
key = "io.slugc.slice:deps"
value = "1"
END
`

// TestDamagedSlice reuses a slice whose files are not made again, then damages what is kept of it:
// the build is repeated with every file.
func TestDamagedSlice(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.write("build.sh", sliceScript)
	built := func(version, said string) *Result {
		t.Helper()
		m.write("version", version)
		m.recorded.Out.Reset()
		r := m.build()
		if got := m.recorded.Out.String(); got != said {
			t.Errorf("version %s: the buildpack says %q, want %q", version, got, said)
		}
		return r
	}
	const warning = "warn: a part kept from the last slug is damaged; it is built again"
	built("1", "installed\n")
	built("2", "reused\n")
	if m.recorded.Has(warning) {
		t.Errorf("it reports %q", m.recorded.Lines)
	}
	files, err := filepath.Glob(m.app().Path("segments", "*.segments"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		data := []byte(testkit.Read(t, f))
		for i := range data {
			data[i] ^= 0xff
		}
		if err := os.WriteFile(f, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	repaired := built("3", "reused\ninstalled\n")
	if !m.recorded.Has(warning) {
		t.Errorf("it reports %q", m.recorded.Lines)
	}
	if testkit.Exists(m.app().Path("build")) {
		t.Error("the build's directory is left")
	}
	built("4", "reused\n")

	other := newMachine(t, t.TempDir())
	other.write("build.sh", sliceScript)
	other.write("version", "3")
	if r := other.build(); r.Slug.Digest != repaired.Slug.Digest {
		t.Errorf("the repaired slug is %s, one from scratch %s", repaired.Slug.Digest, r.Slug.Digest)
	}
}

// layerScript makes a layer with the app's version in it.
const layerScript = `mkdir -p "$layers/tools"; cp version "$layers/tools/version"
printf '[types]\ncache = true\n' >"$layers/tools.toml"
`

// TestKeepOrder lets each step of keep fail: the slug, the layers, the record. The record is then as the
// last build left it, the layers are those that the buildpacks have finished, and the next build succeeds.
func TestKeepOrder(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.write("build.sh", layerScript)
	m.write("version", "1")
	m.build()
	layer := m.app().Path("layers", "slugc_go", "tools", "version")
	recorded := m.app().Record().Slug

	next := newMachine(t, t.TempDir())
	next.write("build.sh", layerScript)
	next.write("version", "2")
	name := filepath.Base(next.build().Slug.Path)
	m.write("version", "2")

	// A directory where the slug is to be.
	place := m.app().Path("slugs", name)
	testkit.Write(t, filepath.Join(place, "file"), "")
	if r, err := m.change(nil); err == nil {
		t.Fatalf("the slug is kept: %+v", r)
	}
	if m.app().Record().Slug != recorded || !testkit.Exists(m.app().Path("layers", "slugc_go", "tools.toml")) ||
		testkit.Read(t, layer) != "2" {
		t.Error("without a slug, the record is the new build's, or the layers are not")
	}
	if err := os.RemoveAll(place); err != nil {
		t.Fatal(err)
	}

	// A directory where the record is to be.
	record := m.app().Path("record.json")
	if err := errors.Join(os.Remove(record), os.MkdirAll(filepath.Join(record, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if r, err := m.change(nil); err == nil {
		t.Fatalf("the record is saved: %+v", r)
	}
	if !testkit.Exists(place) || testkit.Read(t, layer) != "2" {
		t.Errorf("without a record, the slug is kept %t, the layers are of version %s",
			testkit.Exists(place), testkit.Read(t, layer))
	}
	if !testkit.Exists(m.app().Path("layers", "slugc_go", "tools.toml")) {
		t.Error("a build that kept its layers lost their metadata")
	}
	if err := os.RemoveAll(record); err != nil {
		t.Fatal(err)
	}
	if r := m.build(); filepath.Base(r.Slug.Path) != name || r.Unchanged {
		t.Errorf("the next build: %+v", r)
	}
}

// ask makes the machine build with these buildpacks.
func (m *machine) ask(texts ...string) {
	m.Helper()
	for _, text := range texts {
		ref, err := reference.Parse(text, m.src)
		if err != nil {
			m.Fatal(err)
		}
		m.req.Buildpacks = append(m.req.Buildpacks, Asked{Ref: ref})
	}
}

// TestSliceForOthers holds that a buildpack which is not built in sees all that those before it have made, also where
// the platform could supply a part of it.
func TestSliceForOthers(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.write("build.sh", sliceScript)
	dir := testkit.Tree(t, filepath.Join(t.TempDir(), "reader"), map[string]string{
		"bin/detect": "echo Reader\n", "bin/compile": "wc -c <\"$1/deps/library\"\n",
	})
	m.ask("go", dir)
	for _, version := range []string{"1", "2"} {
		m.write("version", version)
		m.recorded.Out.Reset()
		m.build()
		if got, want := m.recorded.Out.String(), "installed\n100000\n"; got != want {
			t.Errorf("version %s: the buildpacks say %q, want %q", version, got, want)
		}
	}
}

// TestCacheOfFailed holds that the cache of a classic buildpack outlives a build that the buildpack itself has ended,
// and not one in which it was killed.
func TestCacheOfFailed(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.write("Procfile", "web: ./server\n")
	m.ask(testkit.Tree(t, filepath.Join(t.TempDir(), "counter"), map[string]string{
		"bin/detect": "true\n", "bin/compile": "echo x >>\"$2/log\"; cat \"$2/log\"; . \"$1/end.sh\"\n",
	}))
	for _, step := range []struct{ end, says string }{
		{"exit 0", "x\n"},
		{"exit 1", "x\nx\n"},
		{"exit 0 # again", "x\nx\nx\n"},
		{"kill -9 $$", "x\nx\nx\nx\n"},
		{"exit 0 # at last", "The last build was interrupted: the cache is empty\nx\n"},
	} {
		m.write("end.sh", step.end)
		m.recorded.Out.Reset()
		_, err := m.change(nil)
		if got := m.recorded.Out.String(); got != step.says || (err == nil) != strings.HasPrefix(step.end, "exit 0") {
			t.Errorf("%s: %v, the buildpack says %q, want %q", step.end, err, got, step.says)
		}
	}
}
