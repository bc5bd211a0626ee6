package golang_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
)

// TestConfiguration builds one program under different configurations and runs it.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	type config = map[string]string
	files := map[string]string{
		"main.go":   "package main\n\nvar version = \"none\"\n\nfunc main() { println(version + tags()) }\n",
		"heroku.go": "//go:build heroku && !extra\n\npackage main\n\nfunc tags() string { return \" heroku\" }\n",
		"extra.go": "//go:build heroku && extra\n\npackage main\n\n" +
			"func tags() string { return \" heroku extra\" }\n",
	}
	for _, c := range []struct {
		name   string
		config config
		want   string
	}{
		{"nothing", nil, "none heroku"},
		{
			"linker", config{"GO_LINKER_SYMBOL": "main.version", "GO_LINKER_VALUE": "v1.2 \"quoted\"\n"},
			`v1.2 "quoted" heroku`,
		},
		{"linker without a value", config{"GO_LINKER_SYMBOL": "main.version", "SOURCE_VERSION": "abc"}, "abc heroku"},
		{"linker without any value", config{"GO_LINKER_SYMBOL": "main.version"}, "none heroku"},
		{
			"linker and flags", config{
				"GO_LINKER_SYMBOL": "main.version", "GO_LINKER_VALUE": "x", "GOFLAGS": `-tags=extra "-ldflags=-s -w"`,
			}, "x heroku extra",
		},
		{"flags", config{"GOFLAGS": "-ldflags=-X=main.version=${build_dir} -tags=extra"}, "APP heroku extra"},
		{"not allowed", config{"GOOS": "windows", "GOROOT": "/nowhere", "GOWORK": "/nowhere"}, "none heroku"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newApp(t, files)
			maps.Copy(b.Config, c.config)
			b.build()
			if got := strings.ReplaceAll(b.runs("app"), b.App, "APP"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	b := newBench(t, "go-v2")
	b.Config["GO_LINKER_SYMBOL"], b.Config["GO_LINKER_VALUE"] = "main.version", `both ' and "`
	b.MustFail("go/linker-value-invalid")
}

func TestHooks(t *testing.T) {
	t.Parallel()
	b := newApp(t, map[string]string{
		"main.go": "package main\n\nfunc main() { println(generated) }\n",
		"bin/go-pre-compile": `#!/bin/sh
set -e
go version >/dev/null
printf 'package main\n\nconst generated = "by %s"\n' "${GO_LINKER_VALUE}${DATABASE_URL}" > generated.go
`,
		"bin/go-post-compile": "bin/app > ran.txt 2>&1\n" +
			"cd testdata/tool && go install . && tool && echo done $GOFLAGS\n",
		// A module of its own, which no vendor directory has.
		"testdata/tool/go.mod":  "module example.com/tool\n\ngo 1.26\n",
		"testdata/tool/main.go": "package main\n\nfunc main() {}\n",
		"vendor/modules.txt":    "",
	})
	value := unique()
	b.Config["GO_LINKER_VALUE"], b.Config["DATABASE_URL"] = value, "secret"
	got := b.build()
	if text := testkit.Read(t, filepath.Join(b.App, "ran.txt")); text != "by "+value+"\n" {
		t.Errorf("the program prints %q", text)
	}
	want := []string{
		"-----> Running bin/go-pre-compile",
		"-----> Compiling 1 package with Go VERSION", "       Dependencies come from vendor/", "       example.com/app",
		"-----> Built bin/app",
		"-----> Running bin/go-post-compile", "       done -trimpath -buildvcs=false -modcacherw",
	}
	if got.files["bin/tool"] == "" {
		t.Error("what the hook installed is not in the slug")
	}
	if diff := cmp.Diff(want, b.log(got.Outcome)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	b.Write("bin/go-pre-compile", "#!/bin/sh\necho no templates >&2\nexit 3\n")
	wrong := b.MustFail("go/hook-failed").Diagnosis
	if wrong.Place != "bin/go-pre-compile" || !strings.Contains(strings.Join(wrong.Hints, " "), "no templates") {
		t.Errorf("got %+v", wrong)
	}
}

// TestOwnFilesInBin holds that nothing of the app's own in bin is replaced, and nothing outside the
// app.
func TestOwnFilesInBin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(b *bench)
		want string
	}{
		{"a script", func(b *bench) { b.Write("bin/hello", "#!/bin/sh\n") }, "go/binary-name-taken"},
		{"a directory", func(b *bench) { b.Write("bin/hello/x", "") }, "go/binary-name-taken"},
		{"bin is a file", func(b *bench) { b.Write("bin", "") }, "go/bin-is-a-file"},
		{
			"bin leads out", func(b *bench) { must(b.T, os.Symlink("../../out", b.Source("bin"))) },
			"go/bin-is-a-file",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "go-v2")
			must(t, os.MkdirAll(b.Path("out"), 0o755))
			c.make(b)
			b.MustFail(c.want)
		})
	}
}

func TestExtras(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-deps")
	must(t, os.Remove(b.Layer("modules"))) // a module cache of its own is copied faster
	b.goTool().Dir = fakeToolchain(t, b.goTool().Dir)
	b.Config["GO_INSTALL_TOOLS_IN_IMAGE"], b.Config["GO_SETUP_GOPATH_FOR_MODULE_CACHE"] = "true", "true"
	got := b.build()
	const chi = ".layers/gopath/pkg/mod/github.com/go-chi/chi/v5@v5.2.3/chi.go"
	for _, name := range []string{".layers/go/bin/go", chi} {
		if got.files[name] == "" {
			t.Errorf("%s is not in the slug", name)
		}
	}
	for name, want := range map[string]string{
		"go/env.launch/GOROOT.override":    b.Layer("go"),
		"gopath/env.launch/GOPATH.default": b.Layer("gopath"),
	} {
		if text := testkit.Read(t, b.Layer(name)); text != want {
			t.Errorf("%s is %q, want %q", name, text, want)
		}
	}
	if got.files[".layers/go/doc/page"] != "" {
		t.Error("the documentation is in the slug")
	}
	if again := b.build(); again.files[".layers/go/bin/go"] != got.files[".layers/go/bin/go"] {
		t.Error("the second build has another toolchain")
	}
}

// fakeToolchain returns a small GOROOT whose go command is the real one.
func fakeToolchain(t *testing.T, real string) string {
	dir := testkit.Tree(t, t.TempDir(), map[string]string{
		"bin/go":   "#!/bin/sh\nGOROOT=" + real + " exec " + real + "/bin/go \"$@\"\n",
		"doc/page": "words",
	})
	must(t, os.Chmod(filepath.Join(dir, "bin/go"), 0o755))
	return dir
}
