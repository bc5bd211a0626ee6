package golang_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runs is what a binary of the last build prints.
func (b *bench) runs(name string) string {
	b.t.Helper()
	out, err := exec.Command(filepath.Join(b.app, "bin", name)).CombinedOutput()
	must(b.t, err)
	return strings.TrimSpace(string(out))
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		config map[string]string
		want   string
	}{
		{"nothing", nil, "none heroku"},
		{
			"linker",
			map[string]string{"GO_LINKER_SYMBOL": "main.version", "GO_LINKER_VALUE": "v1.2 \"quoted\"\n"},
			`v1.2 "quoted" heroku`,
		},
		{
			"linker without a value",
			map[string]string{"GO_LINKER_SYMBOL": "main.version", "SOURCE_VERSION": "abc"},
			"abc heroku",
		},
		{
			"linker and flags",
			map[string]string{
				"GO_LINKER_SYMBOL": "main.version",
				"GO_LINKER_VALUE":  "x",
				"GOFLAGS":          `-tags=extra "-ldflags=-s -w"`,
			},
			"x heroku extra",
		},
		{
			"flags",
			map[string]string{"GOFLAGS": "-ldflags=-X=main.version=${build_dir} -tags=extra"},
			"APP heroku extra",
		},
		{
			"not allowed",
			map[string]string{"GOOS": "windows", "GOROOT": "/nowhere", "GOWORK": "/nowhere"},
			"none heroku",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "")
			b.write("go.mod", "module example.com/app\n\ngo 1.26\n")
			b.write("main.go", "package main\n\nvar version = \"none\"\n\nfunc main() { println(version + tags()) }\n")
			b.write(
				"heroku.go",
				"//go:build heroku && !extra\n\npackage main\n\nfunc tags() string { return \" heroku\" }\n",
			)
			b.write(
				"extra.go",
				"//go:build heroku && extra\n\npackage main\n\nfunc tags() string { return \" heroku extra\" }\n",
			)
			for name, value := range c.config {
				b.env[name] = value
			}
			b.build()
			if got := strings.ReplaceAll(b.runs("app"), b.app, "APP"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	b := newBench(t, "go-v2")
	b.env["GO_LINKER_SYMBOL"], b.env["GO_LINKER_VALUE"] = "main.version", `both ' and "`
	if wrong := b.fail(); wrong.ID != "go/linker-value-invalid" {
		t.Errorf("got %s", wrong.ID)
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	b.write("go.mod", "module example.com/app\n\ngo 1.26\n")
	b.write("main.go", "package main\n\nfunc main() { println(generated) }\n")
	b.write(
		"bin/go-pre-compile",
		"#!/bin/sh\nset -e\ngo version >/dev/null\nprintf 'package main\\n\\nconst generated = \"by %s\"\\n' \"${GO_LINKER_VALUE}${DATABASE_URL}\" > generated.go\n",
	)
	b.write("bin/go-post-compile", "bin/app > ran.txt 2>&1\necho done\n")
	value := unique()
	b.env["GO_LINKER_VALUE"], b.env["DATABASE_URL"] = value, "secret"
	got := b.build()
	if data, err := os.ReadFile(filepath.Join(b.app, "ran.txt")); err != nil || string(data) != "by "+value+"\n" {
		t.Errorf("got %q (%v)", data, err)
	}
	want := []string{
		"-----> Running bin/go-pre-compile", "-----> Compiling 1 package with Go VERSION", "       example.com/app", "-----> Built bin/app",
		"-----> Running bin/go-post-compile", "       done",
	}
	if diff := cmp.Diff(want, steps(b, got.log)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	b.write("bin/go-pre-compile", "#!/bin/sh\necho no templates >&2\nexit 3\n")
	wrong := b.fail()
	if wrong.ID != "go/hook-failed" || wrong.Place != "bin/go-pre-compile" ||
		!strings.Contains(strings.Join(wrong.Hints, " "), "no templates") {
		t.Errorf("got %+v", wrong)
	}
}

func TestBinIsTheApps(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		make func(t *testing.T, b *bench)
		want string
	}{
		{
			"a script where the binary belongs",
			func(t *testing.T, b *bench) { b.write("bin/hello", "#!/bin/sh\n") },
			"go/binary-name-taken",
		},
		{
			"a directory where the binary belongs",
			func(t *testing.T, b *bench) { b.write("bin/hello/x", "") },
			"go/binary-name-taken",
		},
		{"bin is a file", func(t *testing.T, b *bench) { b.write("bin", "") }, "go/bin-is-a-file"},
		{
			"bin leads out",
			func(t *testing.T, b *bench) { must(t, os.Symlink("../../out", b.path("source/bin"))) },
			"go/bin-is-a-file",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "go-v2")
			must(t, os.MkdirAll(b.path("out"), 0o755))
			c.make(t, b)
			if wrong := b.fail(); wrong.ID != c.want {
				t.Errorf("got %+v, want %s", wrong, c.want)
			}
		})
	}
	b := newBench(t, "go-v2")
	b.write("bin/hello", "\x7fELF, of an older build")
	b.build()
	if status, _ := b.get("bin/hello", "/"); status != 200 {
		t.Errorf("the committed binary was not replaced: %d", status)
	}
}

func TestExtras(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-deps")
	must(t, os.Remove(b.path("kept/modules")))
	b.goTool.Dir = fakeToolchain(t, b.goTool.Dir)
	b.env["GO_INSTALL_TOOLS_IN_IMAGE"], b.env["GO_SETUP_GOPATH_FOR_MODULE_CACHE"] = "true", "true"
	got := b.build()
	for _, name := range []string{".layers/go/bin/go", ".layers/gopath/pkg/mod/github.com/go-chi/chi/v5@v5.2.3/chi.go"} {
		if got.files[name] == "" {
			t.Errorf("%s is not in the slug", name)
		}
	}
	for name, want := range map[string]string{
		"go/env.launch/GOROOT.override": filepath.Join(got.layers, "go"), "gopath/env.launch/GOPATH.default": filepath.Join(got.layers, "gopath"),
	} {
		if data, err := os.ReadFile(filepath.Join(got.layers, name)); err != nil || string(data) != want {
			t.Errorf("%s is %q (%v), want %q", name, data, err, want)
		}
	}
	if got.files[".layers/go/doc/page"] != "" {
		t.Error("the documentation is in the slug")
	}
	if again := b.build(); again.files[".layers/go/bin/go"] != got.files[".layers/go/bin/go"] {
		t.Error("the second build has another toolchain")
	}
}

// fakeToolchain is a small GOROOT whose go command is the real one.
func fakeToolchain(t *testing.T, real string) string {
	dir := t.TempDir()
	for _, sub := range []string{"bin", "doc"} {
		must(t, os.MkdirAll(filepath.Join(dir, sub), 0o755))
	}
	must(
		t,
		os.WriteFile(
			filepath.Join(dir, "bin/go"),
			[]byte("#!/bin/sh\nGOROOT="+real+" exec "+real+"/bin/go \"$@\"\n"),
			0o755,
		),
	)
	must(t, os.WriteFile(filepath.Join(dir, "doc/page"), []byte("words"), 0o644))
	return dir
}
