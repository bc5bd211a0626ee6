package node

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/tree"
	"slugc/detect"
)

func TestEnvironment(t *testing.T) {
	e := newEnvironment(
		[]string{
			"PATH=/usr/bin",
			"HOME=/app",
			"GIT_DIR=/repo",
			"CNB_LAYERS_DIR=/l",
			"SLUGC_DIAGNOSIS=/d",
			"npm_config_registry=platform",
			"npm_config_cafile=/ca",
		},
		map[string]string{
			"PATH":                "/evil",
			"LD_PRELOAD":          "/evil.so",
			"NPM_CONFIG_REGISTRY": "user",
			"CI":                  "",
			"A":                   "b=c",
		},
	)
	e.defaults()
	e.prepend("/node/bin")
	e.set("npm_config_cafile", "/other")
	e.fallback("npm_config_registry", "default")
	got := command.Environ(e.vars)
	for _, want := range []string{"A=b=c", "CI=", "HOME=/app", "NODE_ENV=production", "NPM_CONFIG_REGISTRY=user", "PATH=/node/bin:/usr/bin", "npm_config_cafile=/other"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	for _, entry := range got {
		for _, prefix := range []string{"GIT_DIR", "CNB_", "SLUGC_", "LD_PRELOAD", "npm_config_registry"} {
			if strings.HasPrefix(entry, prefix) {
				t.Errorf("%q is in the environment", entry)
			}
		}
	}
	if !slices.IsSorted(got) {
		t.Error("the environment is not sorted")
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	name = filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, dir string) manifest {
	t.Helper()
	m, err := takeManifest(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestManifest(t *testing.T) {
	root := t.TempDir()
	modules := filepath.Join(root, "node_modules")
	for _, name := range []string{"a/index.js", "a/lib/x.js", "b/index.js", "c/index.js"} {
		write(t, modules, name, "1")
	}
	if err := os.Symlink("../a/index.js", filepath.Join(modules, "b/link")); err != nil {
		t.Fatal(err)
	}
	before := take(t, modules)
	moved := filepath.Join(root, "elsewhere")
	if err := os.Rename(modules, moved); err != nil {
		t.Fatal(err)
	}
	if changes := before.changes(take(t, moved)); len(changes) > 0 || before.digest() != take(t, moved).digest() {
		t.Errorf("renaming the tree changes %q", changes)
	}
	info, err := os.Stat(filepath.Join(moved, "a/index.js"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, moved, "a/index.js", "2") // same size, and the same time again: only ctime tells
	if err := os.Chtimes(filepath.Join(moved, "a/index.js"), time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	write(t, moved, "b/new.js", "3")
	if err := os.Remove(filepath.Join(moved, "c/index.js")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(moved, "a/lib"), 0o700); err != nil {
		t.Fatal(err)
	}
	want := []string{"a/index.js", "a/lib", "b/new.js", "c/index.js"}
	if diff := cmp.Diff(want, before.changes(take(t, moved))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPackageOf(t *testing.T) {
	for rel, want := range map[string]string{
		"ms/index.js": "ms", "@a/b/lib/x.js": "@a/b", ".bin/tsc": ".bin", "a/node_modules/b/x.js": "b",
		".pnpm/ms@2.1.3/node_modules/ms/index.js": "ms", "a/node_modules/@c/d": "@c/d",
	} {
		if got := packageOf(rel); got != want {
			t.Errorf("%q is of %q, want %q", rel, got, want)
		}
	}
}

func TestScrub(t *testing.T) {
	modules := t.TempDir()
	keep := []string{
		"addon/build/Release/addon.node", "addon/build/Release/lib.so", "addon/index.js",
		"tool/build/Makefile", "tool/build/obj/data.json", // a package's own build directory is not node-gyp's
	}
	drop := []string{
		".modules.yaml", ".package-lock.json", ".pnpm-workspace-state-v1.json",
		"addon/build/config.gypi", "addon/build/Makefile", "addon/build/addon.target.mk", "addon/build/binding.Makefile",
		"addon/build/Release/obj.target/addon.o", "addon/build/Release/.deps/addon.d", "addon/gyp/__pycache__/x.pyc",
	}
	for _, name := range slices.Concat(keep, drop) {
		write(t, modules, name, "x")
	}
	if err := scrub(modules); err != nil {
		t.Fatal(err)
	}
	for _, name := range keep {
		if !tree.Exists(filepath.Join(modules, name)) {
			t.Errorf("%s is gone", name)
		}
	}
	for _, name := range drop {
		if tree.Exists(filepath.Join(modules, name)) {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestBoundStore: a store beyond its bound is begun anew, one within it is left alone.
func TestBoundStore(t *testing.T) {
	var shown bytes.Buffer
	b := &work{say: &command.Log{Out: &shown}, store: t.TempDir()}
	write(t, b.store, "_cacache/content-v2/a", "a")
	file := filepath.Join(b.store, "_cacache/content-v2/a")
	for _, size := range []int64{maxStore, maxStore + 1} {
		if err := os.Truncate(file, size); err != nil { // a hole, which fills no disk
			t.Fatal(err)
		}
		if err := b.boundStore(); err != nil {
			t.Fatal(err)
		}
		if kept := size <= maxStore; tree.Exists(file) != kept || (shown.Len() == 0) != kept || !tree.IsDir(b.store) {
			t.Errorf("%d bytes: kept %t, says %q", size, tree.Exists(file), shown.String())
		}
	}
}

func TestKey(t *testing.T) {
	base := []part{{"a", "b"}, {"c", "d"}}
	for _, other := range [][]part{{{"a", "bc"}, {"", "d"}}, {{"ab", ""}, {"c", "d"}}, {{"c", "d"}, {"a", "b"}}, {{"a", "b"}}} {
		if keyOf(base) == keyOf(other) {
			t.Errorf("%v has the key of %v", other, base)
		}
	}
	if diff := cmp.Diff([]string{"a", "gone", "new"}, changed([]part{{"a", "2"}, {"same", "1"}, {"new", "1"}}, reasons([]part{{"a", "1"}, {"same", "1"}, {"gone", "1"}}))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, want := range map[string]bool{
		"NPM_TOKEN": true, "DATABASE_URL": true, "SECRET_KEY_BASE": true, "AWS_ACCESS_KEY_ID": true, "npm_config__auth": true,
		"NODE_ENV": false, "npm_config_legacy_peer_deps": false, "PUPPETEER_SKIP_DOWNLOAD": false, "MONKEY": false,
	} {
		if secret.MatchString(name) != want {
			t.Errorf("%s is a secret: %t, want %t", name, !want, want)
		}
	}
}

func TestNoise(t *testing.T) {
	for line, want := range map[string]bool{
		`npm warn Unknown env config "nodedir". This will stop`: true, `npm warn Unknown env config "mine". This will stop`: false,
		"npm warn logfile Log files were not written due to an error": true, "added 3 packages": false,
	} {
		if noise(line) != want {
			t.Errorf("%q: %t", line, !want)
		}
	}
}

func TestSecrets(t *testing.T) {
	got := secrets(
		map[string]string{
			"NPM_TOKEN":    "npm_0123456789",
			"REGISTRY_URL": "https://me:npm_0123456789@r.example",
			"SHORT_TOKEN":  "yes",
			"NODE_ENV":     "production",
		},
	)
	if diff := cmp.Diff([]string{"https://me:npm_0123456789@r.example", "npm_0123456789"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWeb(t *testing.T) {
	for name, tt := range map[string]struct {
		app       detect.NodeApp
		files     []string
		assisting bool
		want, id  string
	}{
		"start script": {app: detect.NodeApp{Scripts: map[string]string{"start": "x"}}, want: "npm start"},
		"main":         {app: detect.NodeApp{Main: "lib/my app.js", ServerFile: "index.js"}, files: []string{"lib/my app.js", "index.js"}, want: "node 'lib/my app.js'"},
		"main is gone": {app: detect.NodeApp{Main: "lib/app.js", ServerFile: "index.js"}, files: []string{"index.js"}, want: "node index.js"},
		"Procfile":     {files: []string{"Procfile"}},
		"nothing":      {id: "node/no-start-script"},
		"assisting":    {assisting: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := &work{dir: t.TempDir(), app: &tt.app, assisting: tt.assisting}
			for _, file := range tt.files {
				write(t, b.dir, file, "")
			}
			got, err := b.web()
			if got != tt.want || (err != nil) != (tt.id != "") {
				t.Errorf("gives %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestConcurrency runs the launch script with made-up limits in every shell that a runner may have.
func TestConcurrency(t *testing.T) {
	for _, tt := range []struct{ v2, v1, env, want string }{
		{v2: "1073741824", want: "2"},
		{v2: "max", v1: "1073741824", want: "1"},
		{v1: "2147483648", want: "4"},
		{v1: "9223372036854771712", want: "1"},
		{want: "1"},
		{v2: "34359738368", want: "16"},
		{v2: "1073741824", env: "WEB_MEMORY=256", want: "4"},
		{v2: "1073741824", env: "WEB_MEMORY=none", want: "2"},
		{v2: "1073741824", env: "WEB_CONCURRENCY=7", want: "7"},
		{v2: "134217728", want: "1"},
	} {
		for _, shell := range []string{"sh", "bash"} {
			root := t.TempDir()
			script := strings.ReplaceAll(concurrency, "/sys/fs/cgroup", root)
			write(t, root, "run.sh", "set -eu\n"+script+"echo $WEB_CONCURRENCY\n")
			if tt.v2 != "" {
				write(t, root, "memory.max", tt.v2+"\n")
			}
			if tt.v1 != "" {
				write(t, root, "memory/memory.limit_in_bytes", tt.v1+"\n")
			}
			cmd := exec.Command(shell, filepath.Join(root, "run.sh"))
			cmd.Env = []string{"PATH=/usr/bin:/bin", tt.env}
			out, err := cmd.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
				t.Errorf("%s with %+v gives %q (%v), want %s", shell, tt, got, err, tt.want)
			}
		}
	}
}

// TestUnrecognised holds what is said of failures that no pattern knows: what to do, then what the
// tool has said.
func TestUnrecognised(t *testing.T) {
	b := &work{}
	b.node.Version = "22.23.3"
	said := unknown("node/build-script-failed", b.inClone([]string{"npm", "run", "build"}))
	f := &command.Failure{
		Command: "npm run build",
		Status:  "exit status 3",
		Tail:    []byte("a\n\n  at f (x.js:1)\nlast words\ninfo Visit https://yarn.example\n"),
	}
	want := &diagnosis.Diagnosis{
		ID:      "node/build-script-failed",
		Summary: "`npm run build` failed (exit status 3).",
		Hints: []string{
			"run `npm run build` in a fresh clone with Node.js 22.23.3: what it needs must be committed, or named in package.json", "it said: a", "it said: last words",
		},
	}
	if diff := cmp.Diff(want, f.Unrecognised(said)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f.Status = "exit status 137"
	if d := f.Unrecognised(said); d.ID != "node/out-of-memory" || len(d.Hints) != 1 ||
		!strings.Contains(d.Hints[0], "max_old_space_size") {
		t.Errorf("got %+v", d)
	}
}
