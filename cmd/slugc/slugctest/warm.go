package slugctest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"

	"slugc/cache/disk"
	"slugc/cache/testkit"
)

// model is an app whose build leaves what every app in its language needs.
type model struct {
	files map[string]string
	layer string // below the app's layers
}

var models = map[string]model{
	"go": {
		map[string]string{
			"go.mod":  "module example.com/model\n\ngo 1.25\n",
			"main.go": "package main\n\nimport \"net/http\"\n\nfunc main() { http.NotFoundHandler() }\n",
		},
		"slugc_go/build-cache",
	},
	"node": {
		map[string]string{
			"package.json": `{"name": "model", "engines": {"node": "22.x"}, "scripts": {"start": "true"}}`,
		},
		"slugc_node/node",
	},
}

// WarmHome returns a state directory in which the apps have what a build of another app in the
// language ("go" for Go 1.25, "node" for Node.js 22) has left: the compiled standard library or the
// runtime, and its packed segments. It is for tests whose subject is not a build from scratch.
func WarmHome(t testing.TB, language string, apps ...string) string {
	t.Helper()
	home := Home(t)
	for _, app := range apps {
		Warm(t, home, language, app)
	}
	return home
}

// Warm does for one app of a state directory what [WarmHome] does.
func Warm(t testing.TB, home, language, app string) {
	t.Helper()
	from, err := modelApp(t, language)
	if err != nil {
		t.Fatal(err)
	}
	CopyLayers(t, from, filepath.Join(home, "apps", app), models[language].layer)
}

// modelApp returns the state of a language's model app. It is built once for each slugc and lies
// beside the binary.
func modelApp(t testing.TB, language string) (string, error) {
	t.Helper()
	dir := filepath.Join(filepath.Dir(Binary(t)), "warm-"+language)
	app := filepath.Join(dir, "apps", "model")
	lock := flock.New(dir + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Unlock()
	if testkit.Exists(dir) {
		return app, nil
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".new-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	home := filepath.Join(work, "home")
	LinkToolchains(t, home)
	Build(t, home, testkit.Tree(t, filepath.Join(work, "app"), models[language].files), "--app", "model")
	return app, os.Rename(home, dir)
}

// CopyLayers gives an app, whose state directory need not exist, the segments and some layers of
// another app's state directory, and its machine the segments that all apps share. Layers are named
// as they lie there: "slugc_node/node".
func CopyLayers(t testing.TB, from, to string, layers ...string) {
	t.Helper()
	for _, layer := range layers {
		// A link made or removed elsewhere changes a file's ctime, which packing takes for a change. So
		// only a layer that is never packed may share its files.
		shared := filepath.Base(layer) == "build-cache"
		layer = filepath.Join("layers", layer)
		copyTree(t, filepath.Join(from, layer), filepath.Join(to, layer), shared)
		copyTree(t, filepath.Join(from, layer+".toml"), filepath.Join(to, layer+".toml"), false)
	}
	shared := func(app string) string { return filepath.Join(filepath.Dir(filepath.Dir(app)), "segments") }
	if !testkit.Exists(shared(to)) {
		copyTree(t, shared(from), shared(to), true)
	}
	if !testkit.Exists(to, "segments") {
		copyTree(t, filepath.Join(from, "segments"), filepath.Join(to, "segments"), true)
	}
}

// copyTree copies a file or a tree. If it is shared, files that nobody changes in place are linked.
func copyTree(t testing.TB, from, to string, shared bool) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, path[len(from):])
		switch {
		case d.IsDir():
			return os.Mkdir(target, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			text, err := os.Readlink(path)
			return errors.Join(err, os.Symlink(text, target))
		case shared && d.Name() != "index" && d.Name() != "lock" && os.Link(path, target) == nil:
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return disk.CopyFile(path, target, info.Mode().Perm())
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}
