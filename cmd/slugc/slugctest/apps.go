package slugctest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/abi"
	"slugc/compiler/abi/abitest"
	"slugc/compiler/procfile"
	"slugc/compiler/slug"
)

// Root returns a path below the repository's root, wherever the test lies.
func Root(elem ...string) string {
	return filepath.Join(append([]string{root()}, elem...)...)
}

// root is the repository's root: the nearest directory above the test's that holds the module. A
// binary built with -trimpath doesn't know the paths of its sources.
var root = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	panic("slugctest: this test does not run in the repository")
})

// Fixture returns the directory of a fixture.
func Fixture(name string) string { return Root("fixtures", name) }

// GoApp writes a Go app that prints a word to its standard error.
func GoApp(t testing.TB, dir, word string) {
	t.Helper()
	testkit.Tree(t, dir, map[string]string{
		"go.mod":  "module example.com/hello\n\ngo 1.25\n",
		"main.go": fmt.Sprintf("package main\n\nfunc main() { println(%q) }\n", word),
	})
}

// WebApp writes a Go app whose web process answers with a word, the name of its process and the
// variable COLOUR, and whose worker prints what it works on.
func WebApp(t testing.TB, dir, word string) {
	t.Helper()
	testkit.Tree(t, dir, map[string]string{
		"go.mod":   "module example.com/hello\n\ngo 1.25\n",
		"main.go":  fmt.Sprintf(webMain, word),
		"Procfile": "web: bin/hello\nworker: bin/hello things\n",
	})
}

const webMain = `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println("working on", os.Args[1])
		select {}
	}
	fmt.Println("\x1b[2Jlistening as", %[1]q)
	panic(http.ListenAndServe(":"+os.Getenv("PORT"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, %[1]q, " ", os.Getenv("DYNO"), " ", os.Getenv("COLOUR"))
	})))
}
`

// SmallSlug packs a slug without a build. Its web process prints the text; release is the command
// of its release process, "" for none.
func SmallSlug(t testing.TB, text, release string) string {
	t.Helper()
	types := procfile.ProcessMap{{Type: "web", Command: "cat hello.txt"}}
	if release != "" {
		types = append(types, procfile.Process{Type: "release", Command: release})
	}
	return SlugOf(t, map[string]string{"hello.txt": text}, types)
}

// SlugOf packs a slug of the files, which nothing builds, with the process types.
func SlugOf(t testing.TB, files map[string]string, types procfile.ProcessMap) string {
	t.Helper()
	return pack(t, files, slug.Manifest{ProcessTypes: types, Target: "linux/amd64"})
}

// MountedSlug packs a slug whose processes see the app at these paths.
func MountedSlug(t testing.TB, mounts ...string) string {
	t.Helper()
	types := procfile.ProcessMap{{Type: "web", Command: "pwd; cat /app/hello.txt"}}
	return pack(t, map[string]string{"hello.txt": "at /app"}, slug.Manifest{ProcessTypes: types, Mounts: mounts})
}

// UnloadableSlug packs a slug whose web process no machine can load.
func UnloadableSlug(t testing.TB) string {
	t.Helper()
	program := abitest.File(abi.Object{
		Arch: runtime.GOARCH, Interp: "/lib/ld-none.so.1", Needed: []string{"libnone.so.1"},
	})
	types := procfile.ProcessMap{{Type: "web", Command: "bin/server"}, {Type: "worker", Command: "echo works"}}
	files := map[string]string{"bin/server": string(program)}
	return pack(t, files, slug.Manifest{ProcessTypes: types, Target: "linux/" + runtime.GOARCH})
}

func pack(t testing.TB, files map[string]string, m slug.Manifest) string {
	t.Helper()
	dir := t.TempDir()
	testkit.Tree(t, filepath.Join(dir, "app"), files)
	file := filepath.Join(dir, "hello.tgz")
	_, err := slug.Pack(context.Background(), slug.PackOptions{
		Output:   file,
		Sections: []slug.Section{{Name: "app", Dir: filepath.Join(dir, "app")}},
		Manifest: m,
	})
	if err != nil {
		t.Fatal(err)
	}
	return file
}
