package node_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"slugc/buildpacks/buildpacktest"
	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/buildpacks/node"
	"slugc/buildpacks/toolchain"
	"slugc/cache/testkit"
	"slugc/detect"
)

var buildpack = buildpacktest.Buildpack{
	ID: node.ID, Version: node.Version, Name: "node", Detect: node.Detect, Build: node.Build,
}

var must = buildpacktest.Must

func TestMain(m *testing.M) {
	buildpack.Main(m, func() { os.RemoveAll(warm.dir) })
}

// bench is a platform that also keeps labelled slices between builds.
type bench struct {
	*buildpacktest.Bench
	foreign  bool                           // the platform fetches no toolchains
	sections map[string]buildpacktest.Files // kept slices by key and path
}

// outcome is what one build left, with the files of its slug.
type outcome struct {
	buildpacktest.Outcome
	files buildpacktest.Files
}

func newBench(t *testing.T, fixture string) *bench {
	t.Helper()
	b := &bench{Bench: buildpacktest.New(t, buildpack), sections: map[string]buildpacktest.Files{}}
	b.Env = buildpacktest.Passed("PATH", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "npm_config_registry",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
	b.CopySource(fixtureDir(fixture))
	return b
}

// warm holds what the first build of an app leaves that is the same for others: the packages that npm
// downloaded.
var warm struct {
	once sync.Once
	dir  string
}

// newWarmBench returns a bench with npm's store of an earlier build.
func newWarmBench(t *testing.T, fixture string) *bench {
	t.Helper()
	warm.once.Do(func() {
		b := newBench(t, small)
		b.build()
		dir, err := os.MkdirTemp("", "slugc-node-test-*")
		must(t, err)
		copyTree(t, "-a", dir, b.Layer("npm-cache"))
		warm.dir = dir
	})
	b := newBench(t, fixture)
	if warm.dir != "" {
		copyTree(t, "-a", b.Layer(""), filepath.Join(warm.dir, "npm-cache"))
	}
	return b
}

// copyTree copies trees into a directory by cp.
func copyTree(t testing.TB, flags, into string, from ...string) {
	t.Helper()
	args := slices.Concat([]string{flags}, from, []string{into})
	if out, err := exec.Command("cp", args...).CombinedOutput(); err != nil {
		t.Fatalf("copying %q: %v\n%s", from, err, out)
	}
}

func fixtureDir(name string) string { return filepath.Join("../../fixtures", name) }

// build runs one build, which must succeed.
func (b *bench) build() outcome {
	b.T.Helper()
	b.provide()
	got := outcome{Outcome: b.MustBuild(), files: b.Files()}
	b.addSlices(got)
	return got
}

// fail runs one build, which must fail with the diagnosis of this id.
func (b *bench) fail(id string) buildpacktest.Outcome {
	b.T.Helper()
	b.provide()
	return b.MustFail(id)
}

// provide fetches what the app asks for, as the platform does, into a store that all tests share, and makes
// what the app runs on.
func (b *bench) provide() {
	b.T.Helper()
	b.Toolchains, b.Runtimes = nil, nil
	if b.foreign {
		return
	}
	found, err := detect.ForNode(detect.Input{FS: os.DirFS(b.Source("")), Member: b.Member, Env: b.Config})
	if err != nil {
		return // the build says what is wrong
	}
	store, err := toolchain.Open(
		buildpacktest.CacheDir(b.T, "toolchains"), toolchain.Settings{NpmRegistry: registry, NodeDist: "off"},
	)
	must(b.T, err)
	var requests []toolchain.Request
	for _, r := range found.Requires {
		requests = append(requests, language.Request(r))
	}
	b.Toolchains, err = store.Ensure(context.Background(), requests, nil)
	must(b.T, err)
	b.Runtimes = map[string]string{"node": runtimeOf(b.T, b.Toolchains)}
}

// runtimeOf returns a directory with the runtime of the toolchains, which outlives the tests.
func runtimeOf(t testing.TB, tools []toolchain.Toolchain) string {
	t.Helper()
	order := language.Order{Tools: map[string]toolchain.Toolchain{}, Arch: runtime.GOARCH}
	for _, tool := range tools {
		order.Tools[tool.Tool] = tool
	}
	order = node.Runtime.Reduced(order)
	dir, err := buildpacktest.Once("node/"+node.Runtime.Name(order), func(work string) error {
		out := filepath.Join(work, "out")
		return errors.Join(os.Mkdir(out, 0o755),
			node.Runtime.Make(context.Background(), order, out, &command.Log{Out: io.Discard}))
	})
	must(t, err)
	return dir
}

var npmRegistry = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("npm", "config", "get", "registry").Output()
	return strings.TrimSpace(string(out)), err
})

// registry asks the machine's npm where packages come from.
func registry(context.Context) (string, error) { return npmRegistry() }

// opens counts how often a directory is opened, wherever it is moved to.
func opens(t *testing.T, dir string) (count func() int) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	// inotify(7) merges equal events in a row: closing keeps those of opening apart.
	_, err = unix.InotifyAddWatch(fd, dir, unix.IN_OPEN|unix.IN_CLOSE_NOWRITE)
	must(t, err)
	return func() (n int) {
		events := make([]byte, 64<<10)
		size, err := unix.Read(fd, events)
		if errors.Is(err, unix.EAGAIN) {
			return 0
		}
		must(t, err)
		for at := 0; at < size; {
			mask, nameLen := binary.NativeEndian.Uint32(events[at+4:]), int(binary.NativeEndian.Uint32(events[at+12:]))
			if mask&unix.IN_OPEN != 0 && nameLen == 0 { // the directory itself, and no file in it
				n++
			}
			at += unix.SizeofInotifyEvent + nameLen
		}
		return n
	}
}

// addSlices completes a slug by the slices that the platform supplies by key, and keeps those that
// are on disk.
func (b *bench) addSlices(o outcome) {
	b.T.Helper()
	for _, label := range o.Launch.Labels {
		tree, ok := extension.SlicePath(label.Key)
		if !ok {
			continue
		}
		key := label.Value + " " + tree
		if dir := filepath.Join(b.App, tree); testkit.Exists(dir) {
			b.sections[key] = buildpacktest.Files{}
			b.AddFiles(b.sections[key], dir, tree)
			b.Slices[tree] = label.Value
		}
		section, ok := b.sections[key]
		if !ok {
			b.T.Fatalf("slice %q of key %s is neither on disk nor kept", tree, label.Value)
		}
		for name, text := range section {
			o.files[name] = text
		}
	}
}

// answers checks that the built app's web process answers with a text.
func (b *bench) answers(o outcome, text string) {
	b.T.Helper()
	if _, body := b.get(o, "/"); !strings.Contains(body, text) {
		b.T.Errorf("the app answers %q, want %q", body, text)
	}
}
