package ruby_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"slugc/buildpacks/buildpacktest"
	"slugc/buildpacks/ruby"
	"slugc/buildpacks/ruby/rubytest"
	"slugc/buildpacks/toolchain"
	"slugc/cache/testkit"
)

var (
	buildpack = buildpacktest.Buildpack{
		ID: ruby.ID, Version: ruby.Version, Name: "ruby", Detect: ruby.Detect, Build: ruby.Build,
	}
	must = buildpacktest.Must
)

// warm holds a copy of the layer "ruby", which is the same for all apps.
var warm struct {
	once sync.Once
	dir  string
}

func TestMain(m *testing.M) {
	buildpack.Main(m, func() { os.RemoveAll(warm.dir) })
}

// unreachable is the address of a gem source that does not exist.
const unreachable = "http://127.0.0.1:1"

// bench builds apps with gems of a gem source of its own.
type bench struct {
	*buildpacktest.Bench
	gems   *rubytest.Server
	mirror string // address of the gem source that the build is told
}

// outcome is what one build left, and what it asked the gem source for.
type outcome struct {
	buildpacktest.Outcome
	requests []string
}

// newBench returns a bench without any layer.
func newBench(t *testing.T) *bench {
	t.Helper()
	tool := rubytest.Ruby(t, "~> 3.1.0")
	tool.From = "a test"
	b := &bench{Bench: buildpacktest.New(t, buildpack), gems: rubytest.Serve(t)}
	b.mirror, b.Toolchains = b.gems.URL, []toolchain.Toolchain{tool}
	return b
}

// newWarmBench returns a bench with the layer "ruby" of an earlier build.
func newWarmBench(t *testing.T) *bench {
	t.Helper()
	warm.once.Do(func() {
		b := newBench(t)
		b.mustBuild(app())
		b.Restore()
		var err error
		warm.dir, err = os.MkdirTemp("", "slugc-ruby-test-*")
		must(t, err)
		link(t, b.Layer("ruby"), warm.dir)
		link(t, b.Layer("ruby.toml"), warm.dir)
	})
	b := newBench(t)
	b.rewarm()
	return b
}

// rewarm puts the warm layer "ruby" in place of the bench's.
func (b *bench) rewarm() {
	b.T.Helper()
	b.Restore()
	must(b.T, os.RemoveAll(b.Layer("ruby")))
	must(b.T, os.RemoveAll(b.Layer("ruby.toml")))
	link(b.T, filepath.Join(warm.dir, "ruby"), b.Layer(""))
	link(b.T, filepath.Join(warm.dir, "ruby.toml"), b.Layer(""))
}

// link makes a copy of a tree whose files are hard links.
func link(t testing.TB, from, into string) {
	t.Helper()
	if out, err := exec.Command("cp", "-al", from, into).CombinedOutput(); err != nil {
		t.Fatalf("copying %s: %v\n%s", from, err, out)
	}
}

// build builds a tree with the layers of the build before.
func (b *bench) build(tree files) outcome {
	b.T.Helper()
	b.source(tree)
	return outcome{Outcome: b.Build(), requests: b.gems.Requests()}
}

// source makes a tree the source of the next build.
func (b *bench) source(tree files) {
	b.T.Helper()
	must(b.T, os.RemoveAll(b.Source("")))
	for name, text := range tree {
		b.Write(name, text)
		must(b.T, os.Chmod(b.Source(name), 0o755))
	}
	b.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC", "SOURCE_DATE_EPOCH=315532801",
		"CNB_TARGET_DISTRO_NAME=debian", "CNB_TARGET_DISTRO_VERSION=12", ruby.MirrorEnv + "=" + b.mirror,
		"RUBYOPT=-rnowhere", "GEM_HOME=/nowhere"}
	b.gems.Requests()
}

// mustBuild builds a tree that builds.
func (b *bench) mustBuild(tree files) outcome {
	b.T.Helper()
	o := b.build(tree)
	if !o.OK {
		b.T.Fatalf("the build fails:\n%s", o.Log)
	}
	return o
}

// mustFail builds a tree that fails with a diagnosis of one of these ids.
func (b *bench) mustFail(tree files, ids ...string) outcome {
	b.T.Helper()
	o := b.build(tree)
	if o.OK || o.Diagnosis == nil {
		b.T.Fatalf("ok is %t, want a diagnosis of %v:\n%s", o.OK, ids, o.Log)
	}
	for _, id := range ids {
		if o.Diagnosis.ID == id {
			return o
		}
	}
	b.T.Errorf("the diagnosis is %+v, want one of %v:\n%s", o.Diagnosis, ids, o.Log)
	return o
}

// forget removes the metadata of all layers and keeps their files.
func (b *bench) forget() {
	b.T.Helper()
	b.Restore()
	records, err := filepath.Glob(b.Layer("*.toml"))
	must(b.T, err)
	for _, record := range records {
		must(b.T, os.Remove(record))
	}
}

// layers lists the files of layers.
func (b *bench) layers(names ...string) buildpacktest.Files {
	b.T.Helper()
	list := buildpacktest.Files{}
	for _, name := range names {
		b.AddFiles(list, b.Layer(name), name)
	}
	return list
}

// lacks checks that a build did not print any of the texts.
func (o outcome) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(o.Log, text) {
			t.Errorf("the log contains %q:\n%s", text, o.Log)
		}
	}
}

// files is a source tree: content by path.
type files map[string]string

// with returns the tree with more files as name, content pairs. An empty content removes the file.
func (f files) with(more ...string) files {
	out := maps.Clone(f)
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
		if more[i+1] == "" {
			delete(out, more[i])
		}
	}
	return out
}

// fixture returns the tree of a fixture.
func fixture(t *testing.T, name string) files {
	t.Helper()
	tree, root := files{}, filepath.Join("../../fixtures", name)
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(root, path)
			tree[filepath.ToSlash(rel)] = testkit.Read(t, path)
		}
		return err
	}))
	return tree
}
