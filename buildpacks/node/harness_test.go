package node_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/node"
	"slugc/buildpacks/toolchain"
	"slugc/detect"
)

// runsBuild makes the test binary the buildpack's bin/build: libcnb reads the process's directory
// and environment, and exits.
const runsBuild = "NODE_TEST_RUNS_BUILD"

func TestMain(m *testing.M) {
	if os.Getenv(runsBuild) != "" {
		libcnb.BuildpackMain(node.Detect, node.Build, libcnb.WithArguments([]string{"build"}))
		return
	}
	os.Exit(m.Run())
}

// bench is a small platform: it builds one app again and again, keeps cache layers and labelled
// slices between builds, and puts a slug's files together.
type bench struct {
	t        *testing.T
	root     string // holds app, platform, buildpack, home
	chains   []toolchain.Toolchain
	sections map[string]slug   // kept slices by key and path
	labels   map[string]string // path to key, as the platform tells them
	env      map[string]string // user configuration
	plan     string            // buildpack plan
	foreign  bool              // the platform fetches no toolchains
	serve    func(outcome)     // is called after a build, while the app and its layers are in place
}

// slug is the files that a slug would have: path to mode and content.
type slug map[string]string

// outcome is what one build gave.
type outcome struct {
	log    string
	ok     bool
	wrong  *diagnosis.Diagnosis
	launch libcnb.LaunchTOML
	bill   []byte // launch.sbom.cdx.json
	files  slug
}

func newBench(t *testing.T, fixture string) *bench {
	t.Helper()
	b := &bench{
		t:        t,
		root:     t.TempDir(),
		sections: map[string]slug{},
		labels:   map[string]string{},
		env:      map[string]string{},
	}
	for _, dir := range []string{"platform/env", "buildpack", "home", "kept"} {
		must(t, os.MkdirAll(b.path(dir), 0o755))
	}
	text := fmt.Sprintf(
		"api = %q\n[buildpack]\nid = %q\nversion = %q\nsbom-formats = [\"application/vnd.cyclonedx+json\"]\n",
		node.API,
		node.ID,
		node.Version,
	)
	must(t, os.WriteFile(b.path("buildpack/buildpack.toml"), []byte(text), 0o644))
	b.plan = "[[entries]]\nname = \"node\"\n"
	b.source(fixture)
	return b
}

// source sets the source tree that the next builds start from.
func (b *bench) source(fixture string) {
	must(b.t, os.RemoveAll(b.path("source")))
	must(b.t, os.CopyFS(b.path("source"), os.DirFS(filepath.Join("../../fixtures", fixture))))
}

func (b *bench) path(rel string) string { return filepath.Join(b.root, rel) }

// write changes a file of the source tree.
func (b *bench) write(rel, text string) {
	must(b.t, os.MkdirAll(filepath.Dir(b.path("source/"+rel)), 0o755))
	must(b.t, os.WriteFile(b.path("source/"+rel), []byte(text), 0o644))
}

// edit replaces words in a file of the source tree.
func (b *bench) edit(rel, old, new string) {
	data, err := os.ReadFile(b.path("source/" + rel))
	must(b.t, err)
	if !strings.Contains(string(data), old) {
		b.t.Fatalf("%q does not contain %q", rel, old)
	}
	b.write(rel, strings.ReplaceAll(string(data), old, new))
}

// build runs one build and expects it to succeed.
func (b *bench) build() outcome {
	b.t.Helper()
	got := b.try()
	if !got.ok {
		b.t.Fatalf("the build failed:\n%s", got.log)
	}
	return got
}

// try runs one build.
func (b *bench) try() outcome {
	b.t.Helper()
	app, layers := b.path("app"), b.path("app/.layers/slugc_node")
	must(b.t, os.RemoveAll(app))
	must(b.t, os.CopyFS(app, os.DirFS(b.path("source"))))
	must(b.t, os.MkdirAll(filepath.Dir(layers), 0o755))
	must(b.t, os.Rename(b.path("kept"), layers))
	must(b.t, os.WriteFile(b.path("plan.toml"), []byte(b.plan), 0o644))
	must(b.t, extension.WriteSlices(b.path("platform"), b.labels))
	must(b.t, os.RemoveAll(b.path("platform/env")))
	must(b.t, os.MkdirAll(b.path("platform/env"), 0o755))
	for name, value := range b.env {
		must(b.t, os.WriteFile(b.path("platform/env/"+name), []byte(value), 0o644))
	}
	b.provide()
	var log bytes.Buffer
	exe, err := os.Executable()
	must(b.t, err)
	cmd := exec.Command(exe)
	cmd.Dir, cmd.Stdout, cmd.Stderr = app, &log, &log
	cmd.Env = append(
		passed(
			"PATH",
			"NODE_EXTRA_CA_CERTS",
			"SSL_CERT_FILE",
			"npm_config_registry",
			"HTTP_PROXY",
			"HTTPS_PROXY",
			"NO_PROXY",
		),
		"HOME="+b.path(
			"home",
		),
		runsBuild+"=1",
		"CNB_BUILDPACK_DIR="+b.path("buildpack"),
		"CNB_PLATFORM_DIR="+b.path("platform"),
		"CNB_LAYERS_DIR="+layers,
		"CNB_BP_PLAN_PATH="+b.path("plan.toml"),
		"CNB_TARGET_OS=linux",
		"CNB_TARGET_ARCH=amd64",
		diagnosis.Env+"="+b.path("diagnosis.json"),
	)
	must(b.t, os.RemoveAll(b.path("diagnosis.json")))
	got := outcome{ok: cmd.Run() == nil, log: log.String()}
	if !got.ok {
		got.wrong, _ = diagnosis.Read(b.path("diagnosis.json"))
		must(b.t, os.RemoveAll(b.path("kept")))
		must(b.t, os.Rename(layers, b.path("kept")))
		return got
	}
	if _, err := toml.DecodeFile(filepath.Join(layers, "launch.toml"), &got.launch); err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	got.bill, _ = os.ReadFile(filepath.Join(layers, "launch.sbom.cdx.json"))
	got.files = b.pack(layers, got.launch)
	if b.serve != nil {
		b.serve(got)
	}
	b.keep(layers)
	return got
}

// provide fetches what the app asks for, as the platform does, into a store that all tests share.
func (b *bench) provide() {
	b.t.Helper()
	if b.foreign {
		return
	}
	found, err := detect.ForNode(detect.Input{FS: os.DirFS(b.path("source")), Env: b.env})
	if err != nil {
		must(b.t, extension.WriteToolchains(b.path("platform"), nil))
		return
	}
	cache, err := os.UserCacheDir()
	must(b.t, err)
	store, err := toolchain.Open(
		filepath.Join(cache, "slugc-test/toolchains"),
		toolchain.Settings{NpmRegistry: registry, NodeDist: "off"},
	)
	must(b.t, err)
	var want []toolchain.Request
	for _, r := range found.Requires {
		want = append(want, toolchain.Request{Tool: r.Tool, Constraint: r.Constraint, From: r.From, Hash: r.Hash})
	}
	b.chains, err = store.Ensure(context.Background(), want, nil)
	must(b.t, err)
	must(b.t, extension.WriteToolchains(b.path("platform"), b.chains))
}

// registry asks the machine's npm where packages come from.
func registry(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "npm", "config", "get", "registry").Output()
	return strings.TrimSpace(string(out)), err
}

// keep throws away what is no cache layer and resets the types of the rest, as a platform restores
// them.
func (b *bench) keep(layers string) {
	must(b.t, os.RemoveAll(b.path("kept")))
	must(b.t, os.Rename(layers, b.path("kept")))
	entries, err := os.ReadDir(b.path("kept"))
	must(b.t, err)
	for _, entry := range entries {
		name := b.path("kept/" + entry.Name())
		record := strings.TrimSuffix(name, ".toml") + ".toml"
		var layer libcnb.Layer
		if _, err := toml.DecodeFile(record, &layer); err != nil || !layer.Cache {
			must(b.t, os.RemoveAll(name))
			continue
		}
		if name == record {
			data, err := os.ReadFile(record)
			must(b.t, err)
			must(b.t, os.WriteFile(record, bytes.ReplaceAll(data, []byte("= true"), []byte("= false")), 0o644))
		}
	}
}

// pack puts the slug's files together: the app, launch layers, and slices that the platform
// supplies.
func (b *bench) pack(layers string, launch libcnb.LaunchTOML) slug {
	b.t.Helper()
	files := slug{}
	b.collect(files, b.path("app"), "", func(rel string) bool { return rel == ".layers" })
	entries, err := os.ReadDir(layers)
	must(b.t, err)
	for _, entry := range entries {
		var layer libcnb.Layer
		if _, err := toml.DecodeFile(filepath.Join(layers, entry.Name()+".toml"), &layer); err == nil && layer.Launch {
			b.collect(files, filepath.Join(layers, entry.Name()), ".layers/"+entry.Name(), nil)
		}
	}
	for _, label := range launch.Labels {
		tree, ok := extension.SlicePath(label.Key)
		if !ok {
			continue
		}
		if _, err := os.Lstat(b.path("app/" + tree)); err == nil {
			section := slug{}
			b.collect(section, b.path("app/"+tree), tree, nil)
			b.sections[label.Value+" "+tree] = section
			b.labels[tree] = label.Value
			continue
		}
		section, ok := b.sections[label.Value+" "+tree]
		if !ok {
			b.t.Fatalf("slice %q of key %s is neither on disk nor kept", tree, label.Value)
		}
		for name, text := range section {
			files[name] = text
		}
	}
	return files
}

func (b *bench) collect(files slug, dir, prefix string, skip func(rel string) bool) {
	b.t.Helper()
	must(b.t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		if skip != nil && skip(rel) {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		switch {
		case d.Type() == fs.ModeSymlink:
			link, err := os.Readlink(name)
			if err != nil {
				return err
			}
			text += " " + link
		case info.Size() > 16<<20: // Node itself
			text += fmt.Sprintf(" %d bytes", info.Size())
		case info.Mode().IsRegular():
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(bytes.ReplaceAll(data, []byte(b.root), []byte("ROOT")))
			if bytes.Contains(data, []byte(b.root)) && !strings.Contains(name, "/env.launch/") {
				text += " names the build's directory"
			}
			text += " " + hex.EncodeToString(sum[:8])
		}
		files[filepath.Join(prefix, rel)] = text
		return nil
	}))
}

// equal fails where two slugs differ, naming the first paths.
func equal(t *testing.T, what string, got, want slug) {
	t.Helper()
	var wrong []string
	for name := range want {
		if got[name] != want[name] {
			wrong = append(wrong, fmt.Sprintf("%s: %q, from nothing %q", name, got[name], want[name]))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s: %q, from nothing it is absent", name, got[name]))
		}
	}
	if slices.Sort(wrong); len(wrong) > 0 {
		t.Errorf(
			"%s: %d paths differ from a build from nothing:\n%s",
			what,
			len(wrong),
			strings.Join(wrong[:min(8, len(wrong))], "\n"),
		)
	}
}

func passed(names ...string) []string {
	var env []string
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
