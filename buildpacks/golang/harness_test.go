package golang_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"slugc/buildpacks/buildpacktest"
	"slugc/buildpacks/golang"
	"slugc/buildpacks/toolchain"
)

var buildpack = buildpacktest.Buildpack{
	ID: golang.ID, Version: golang.Version, Name: "go", Detect: golang.Detect, Build: golang.Build,
}

var must = buildpacktest.Must

func TestMain(m *testing.M) { buildpack.Main(m) }

// bench is a platform whose compiler's and module cache are shared by all tests and runs: a first
// build compiles the standard library.
type bench struct{ *buildpacktest.Bench }

// outcome is what one build left, with the files of its slug.
type outcome struct {
	buildpacktest.Outcome
	files buildpacktest.Files
}

// newBench returns a bench for a fixture, or without source for "".
func newBench(t *testing.T, fixture string) *bench {
	t.Helper()
	b := &bench{buildpacktest.New(t, buildpack)}
	b.Config["CGO_ENABLED"] = "0"
	b.Toolchains = []toolchain.Toolchain{machineGo(t)}
	b.Env = append(buildpacktest.Passed("PATH", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
		"GOPROXY="+goEnv(t).proxy, "GOSUMDB="+goEnv(t).sumDB)
	b.share("build-cache")
	b.share("modules")
	if fixture != "" {
		b.CopySource(filepath.Join("../../fixtures", fixture))
	}
	return b
}

// newApp returns a bench with a module example.com/app of these files, by name.
func newApp(t *testing.T, files map[string]string) *bench {
	t.Helper()
	b := newBench(t, "")
	b.Write("go.mod", "module example.com/app\n\ngo 1.26\n")
	for name, text := range files {
		b.Write(name, text)
	}
	return b
}

// share links a cache layer to a directory that outlives the tests.
func (b *bench) share(layer string) {
	must(b.T, os.Symlink(buildpacktest.CacheDir(b.T, "go", layer), b.Layer(layer)))
}

// build runs one build, which must succeed.
func (b *bench) build() outcome {
	b.T.Helper()
	return outcome{b.MustBuild(), b.Files()}
}

// goTool is the toolchain of the build.
func (b *bench) goTool() *toolchain.Toolchain { return &b.Toolchains[0] }

// machine is what the machine's go command says of itself.
type machine struct{ version, root, proxy, sumDB string }

var askGo = sync.OnceValues(func() (machine, error) {
	out, err := exec.Command("go", "env", "GOVERSION", "GOROOT", "GOPROXY", "GOSUMDB").Output()
	lines := append(strings.Split(string(out), "\n"), "", "", "", "")
	return machine{strings.TrimPrefix(lines[0], "go"), lines[1], lines[2], lines[3]}, err
})

func goEnv(t *testing.T) machine {
	t.Helper()
	m, err := askGo()
	must(t, err)
	return m
}

// machineGo is the Go that runs the tests.
func machineGo(t *testing.T) toolchain.Toolchain {
	t.Helper()
	return toolchain.Toolchain{Tool: "go", Version: goEnv(t).version, Source: "machine", Dir: goEnv(t).root}
}

// log returns the lines of a build's log, without Go's version.
func (b *bench) log(o buildpacktest.Outcome) []string {
	text := strings.ReplaceAll(o.Log, b.goTool().Version, "VERSION")
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}

// runs returns what a binary of the last build prints.
func (b *bench) runs(name string) string {
	b.T.Helper()
	out, err := exec.Command(filepath.Join(b.App, "bin", name)).CombinedOutput()
	must(b.T, err)
	return strings.TrimSpace(string(out))
}

// get starts the app from a copy at another path and asks it once.
func (b *bench) get(command, path string) (status int, body string) {
	b.T.Helper()
	elsewhere := filepath.Join(b.T.TempDir(), "elsewhere")
	must(b.T, os.CopyFS(elsewhere, os.DirFS(b.App)))
	return buildpacktest.Serve(b.T, elsewhere, command, []string{"PATH=/usr/bin:/bin"}, path)
}

// unique returns a text that no cache has seen.
func unique() string { return strconv.FormatInt(time.Now().UnixNano(), 36) }
