package buildpacktest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
	"slugc/cache/disk"
	"slugc/cache/testkit"
	"slugc/detect"
)

// Bench builds one app. Its fields may be changed between builds.
type Bench struct {
	T          testing.TB
	Root       string                // holds source/, app/, platform/, buildpack/, home/, tmp/; removed after the test
	App        string                // where the app is built; its layers are in .layers/
	Config     map[string]string     // the user's configuration
	Env        []string              // the build process's environment, besides what the contract sets
	Plan       string                // plan.toml
	Toolchains []toolchain.Toolchain // what the platform fetched; nil for a platform that fetches none
	Slices     map[string]string     // the slices that the platform can supply: key by path
	Steps      extension.Steps       // how commands are started, with and without the network
	Runtimes   map[string]string     // what the platform fills layers with: a directory by the layer's name
	Member     string                // the app's directory in the source tree, "" for all of it

	buildpack Buildpack
	ended     bool // the layers of the last build were not restored yet
	built     bool // the last build succeeded
}

// New returns a bench with an empty source tree.
func New(t testing.TB, p Buildpack) *Bench {
	t.Helper()
	testkit.NeedsTools(t, "language toolchains")
	root := t.TempDir()
	b := &Bench{
		T: t, Root: root, App: filepath.Join(root, "app"), buildpack: p,
		Config: map[string]string{}, Slices: map[string]string{}, Plan: fmt.Sprintf("[[entries]]\nname = %q\n", p.Name),
	}
	for _, dir := range []string{"source", "platform", "buildpack", "home", "tmp"} {
		Must(t, os.MkdirAll(b.Path(dir), 0o755))
	}
	Must(t, os.MkdirAll(b.Layer(""), 0o755))
	testkit.Write(t, b.Path("buildpack/buildpack.toml"), fmt.Sprintf(
		"api = %q\n[buildpack]\nid = %q\nversion = %q\nsbom-formats = [\"application/vnd.cyclonedx+json\"]\n",
		language.API, p.ID, p.Version,
	))
	return b
}

// Path returns a path below the bench's root.
func (b *Bench) Path(rel string) string { return filepath.Join(b.Root, filepath.FromSlash(rel)) }

// Source returns a path in the source tree, from which each build starts.
func (b *Bench) Source(rel string) string { return b.Path("source/" + rel) }

// Layer returns a path in the layers directory, as the last build left it.
func (b *Bench) Layer(rel string) string {
	return filepath.Join(b.App, ".layers", strings.ReplaceAll(b.buildpack.ID, "/", "_"), filepath.FromSlash(rel))
}

// CopySource replaces the source tree by a copy of dir.
func (b *Bench) CopySource(dir string) {
	b.T.Helper()
	Must(b.T, os.RemoveAll(b.Source("")))
	Must(b.T, os.CopyFS(b.Source(""), os.DirFS(dir)))
}

// Write writes a file of the source tree.
func (b *Bench) Write(rel, text string) {
	b.T.Helper()
	testkit.Write(b.T, b.Source(rel), text)
}

// Edit replaces old, which must occur, in a file of the source tree.
func (b *Bench) Edit(rel, old, new string) {
	b.T.Helper()
	text := testkit.Read(b.T, b.Source(rel))
	if !strings.Contains(text, old) {
		b.T.Fatalf("%s does not contain %q", rel, old)
	}
	b.Write(rel, strings.ReplaceAll(text, old, new))
}

// MustBuild runs one build, which must succeed.
func (b *Bench) MustBuild() Outcome {
	b.T.Helper()
	got := b.Build()
	if !got.OK {
		b.T.Fatalf("the build failed:\n%s", got.Log)
	}
	return got
}

// MustFail runs one build, which must fail with a diagnosis of this id.
func (b *Bench) MustFail(id string) Outcome {
	b.T.Helper()
	got := b.Build()
	if got.OK || got.Diagnosis == nil {
		b.T.Fatalf("ok is %t, want the diagnosis %s:\n%s", got.OK, id, got.Log)
	}
	if got.Diagnosis.ID != id {
		b.T.Errorf("the diagnosis is %+v, want %s:\n%s", got.Diagnosis, id, got.Log)
	}
	return got
}

// MustWait runs one build, which must note that it waits on the network, and stops it as the platform does. It
// returns the note.
func (b *Bench) MustWait() *diagnosis.Diagnosis {
	b.T.Helper()
	cmd, log := b.prepare()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	Must(b.T, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); <-ended; b.ended, b.built = true, false }()
	for {
		if d, err := diagnosis.Read(b.report()); err == nil && d.Waiting {
			return d
		}
		select {
		case <-ended:
			b.T.Fatalf("the build does not wait:\n%s", log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Build runs one build of the source tree with the layers that the last one left. App and layers
// stay in place until the next build.
func (b *Bench) Build() Outcome {
	b.T.Helper()
	cmd, log := b.prepare()
	err := cmd.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		b.T.Fatal(err)
	}
	got := Outcome{OK: err == nil, Log: log.String()}
	if got.Diagnosis, err = diagnosis.Read(b.report()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.T.Fatal(err)
	}
	if b.ended, b.built = true, got.OK; got.OK {
		decode(b.T, b.Layer("launch.toml"), &got.Launch)
		got.Bill, _ = os.ReadFile(b.Layer("launch.sbom.cdx.json"))
	}
	return got
}

// report is the file of a build's diagnosis.
func (b *Bench) report() string { return b.Path("diagnosis.json") }

// prepare makes everything ready for a build, and returns its process and what that will write.
func (b *Bench) prepare() (*exec.Cmd, *testkit.Buffer) {
	b.T.Helper()
	b.Restore()
	b.stage()
	b.showRuntimes()
	for name, value := range b.Config {
		testkit.Write(b.T, b.Path("platform/env/"+name), value)
	}
	Must(b.T, extension.WriteToolchains(b.Path("platform"), b.Toolchains))
	Must(b.T, extension.WriteSlices(b.Path("platform"), b.Slices))
	Must(b.T, extension.WriteSteps(b.Path("platform"), b.Steps))
	Must(b.T, extension.WriteMember(b.Path("platform"), b.Member))
	testkit.Write(b.T, b.Path("plan.toml"), b.Plan)
	exe, err := os.Executable()
	Must(b.T, err)
	log := &testkit.Buffer{}
	cmd := exec.Command(exe)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.App, log, log
	cmd.Env = append([]string{
		runsBuild + "=1", "HOME=" + b.Path("home"), "TMPDIR=" + b.Path("tmp"),
		"CNB_BUILDPACK_DIR=" + b.Path("buildpack"), "CNB_PLATFORM_DIR=" + b.Path("platform"),
		"CNB_LAYERS_DIR=" + b.Layer(""), "CNB_BP_PLAN_PATH=" + b.Path("plan.toml"),
		"CNB_TARGET_OS=linux", "CNB_TARGET_ARCH=" + runtime.GOARCH, diagnosis.Env + "=" + b.report(),
		extension.FinishedEnv + "=" + b.Path("finished"),
	}, b.Env...)
	return cmd, log
}

// showRuntimes puts links to the runtimes into their layers, as a platform does that cannot mount.
func (b *Bench) showRuntimes() {
	b.T.Helper()
	var provided []string
	for layer, dir := range b.Runtimes {
		provided = append(provided, extension.LayerName(b.buildpack.ID, layer))
		Must(b.T, disk.RemoveAll(b.Layer(layer)))
		Must(b.T, os.Mkdir(b.Layer(layer), 0o755))
		entries, err := os.ReadDir(dir)
		Must(b.T, err)
		for _, entry := range entries {
			Must(b.T, os.Symlink(filepath.Join(dir, entry.Name()), filepath.Join(b.Layer(layer), entry.Name())))
		}
	}
	Must(b.T, extension.WriteProvided(b.Path("platform"), provided))
}

// stage replaces the app by a copy of the source tree and removes what the last build was told.
func (b *Bench) stage() {
	b.T.Helper()
	entries, err := os.ReadDir(b.App)
	Must(b.T, err)
	for _, entry := range entries {
		if entry.Name() != ".layers" {
			Must(b.T, disk.RemoveAll(filepath.Join(b.App, entry.Name())))
		}
	}
	Must(b.T, os.CopyFS(b.App, os.DirFS(b.Source(""))))
	b.selectMember()
	Must(b.T, os.RemoveAll(b.Path("platform/env")))
	Must(b.T, os.MkdirAll(b.Path("platform/env"), 0o755))
	Must(b.T, os.RemoveAll(b.Path("diagnosis.json")))
	Must(b.T, os.RemoveAll(b.Path("finished")))
}

// selectMember removes from the app what a build of the member does not need.
func (b *Bench) selectMember() {
	b.T.Helper()
	if b.Member == "" {
		return
	}
	selection, err := detect.Select(os.DirFS(b.Source("")), b.Member)
	Must(b.T, err)
	Must(b.T, fs.WalkDir(os.DirFS(b.App), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." || name == ".layers" || selection.Takes(name, d.IsDir()) {
			if name == ".layers" {
				return fs.SkipDir
			}
			return err
		}
		if err := disk.RemoveAll(filepath.Join(b.App, name)); err != nil || !d.IsDir() {
			return err
		}
		return fs.SkipDir
	}))
}

// Restore does to the layers of a build what the platform does before the next one: cache layers stay
// and lose their types, all others go. [Bench.Build] calls it. Of a build that failed, layers that it
// has not finished lose their metadata.
func (b *Bench) Restore() {
	b.T.Helper()
	if !b.ended {
		return
	}
	b.ended = false
	finished := b.Finished()
	entries, err := os.ReadDir(b.Layer(""))
	Must(b.T, err)
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".toml")
		var layer struct {
			Types    libcnb.LayerTypes `toml:"types"`
			Metadata map[string]any    `toml:"metadata"`
		}
		if record := b.Layer(name + ".toml"); exists(record) && !slices.Contains(notLayers, name) {
			decode(b.T, record, &layer)
		}
		switch {
		case !b.built && !slices.Contains(finished, name):
			Must(b.T, disk.RemoveAll(b.Layer(name+".toml")))
		case !layer.Types.Cache:
			Must(b.T, disk.RemoveAll(b.Layer(entry.Name())))
		case !entry.IsDir() && name != entry.Name():
			encode(b.T, b.Layer(entry.Name()), map[string]any{"metadata": layer.Metadata})
		}
	}
}

// Finished lists the layers that the last build had finished when it ended.
func (b *Bench) Finished() []string { return extension.Finished(b.Path("finished")) }

// notLayers are files in the layers directory that look like a layer's metadata.
var notLayers = []string{"launch", "build", "store"}

// Layers returns the layers' types by name, as the last build left them.
func (b *Bench) Layers() map[string]libcnb.LayerTypes {
	b.T.Helper()
	records, err := filepath.Glob(b.Layer("*.toml"))
	Must(b.T, err)
	types := map[string]libcnb.LayerTypes{}
	for _, record := range records {
		if name := strings.TrimSuffix(filepath.Base(record), ".toml"); !slices.Contains(notLayers, name) {
			var layer struct{ Types libcnb.LayerTypes }
			decode(b.T, record, &layer)
			types[name] = layer.Types
		}
	}
	return types
}

// decode reads a TOML file; a missing one is empty.
func decode(t testing.TB, file string, v any) {
	t.Helper()
	if _, err := toml.DecodeFile(file, v); !errors.Is(err, fs.ErrNotExist) {
		Must(t, err)
	}
}

func encode(t testing.TB, file string, v any) {
	t.Helper()
	var text bytes.Buffer
	Must(t, toml.NewEncoder(&text).Encode(v))
	testkit.Write(t, file, text.String())
}
