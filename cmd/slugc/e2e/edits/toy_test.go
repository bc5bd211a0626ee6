package edits_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slugc/cmd/slugc/slugctest"
)

//go:embed testdata/npm.sh
var toyNpm string

// toy is a Node.js app whose npm is a shell script. Its builds start few processes and use no network.
type toy struct {
	variables []string
	store     string // of toolchains
}

func newToy(t testing.TB) kind {
	dir := t.TempDir()
	mirror := slugctest.ToyMirrorOf(t, filepath.Join(dir, "mirror"), toyNpm)
	store := filepath.Join(dir, "toolchains")
	if err := os.Mkdir(store, 0o755); err != nil {
		t.Fatal(err)
	}
	path := "PATH=" + filepath.Dir(slugctest.Binary(t)) + ":" + os.Getenv("PATH")
	return &toy{[]string{path, "SLUGC_NPM_REGISTRY=http://127.0.0.1:9/", "SLUGC_NODE_MIRROR=file://" + mirror}, store}
}

func (k *toy) env() []string { return k.variables }

func (k *toy) state(dir string) {
	if err := os.Symlink(k.store, filepath.Join(dir, "toolchains")); err != nil {
		panic(err)
	}
}

func (k *toy) paths() []string {
	return []string{
		"src/1.txt", "src/2.txt", "src/deep/3.txt", "src/deep/er/4.txt", "src/deep", "src", "lib/a", "lib/a/b",
		"lib/a/b/c", "bin/run.sh", "name with space", "ünï/cöde", "dist/out.txt",
		"work-cache/own.txt", ".profile.d/own.sh", "public/index.html", ".cache/own", "server.js", "vendor", "tmp/own",
	}
}

// toyState is what decides the app's manifests.
type toyState struct {
	packages map[string]string // version and kind by name
	dev      map[string]bool
	scripts  map[string][]string // the lines of each, by name
	cached   bool                // the app names a cache directory
}

func (k *toy) first() []edit {
	s := newToyState()
	list := s.edits()
	for _, path := range []string{"src/1.txt", "src/2.txt", "src/deep/3.txt", "lib/a", "bin/run.sh", "server.js"} {
		list = append(list, edit{op: "write", path: path, arg: "text 0000\n"})
	}
	return list
}

func newToyState() *toyState {
	return &toyState{
		packages: map[string]string{"alpha": "1.0.0 plain", "beta": "1.0.0 script", "@scope/gamma": "1.0.0 dev"},
		dev:      map[string]bool{"@scope/gamma": true},
		scripts:  map[string][]string{"build": {scriptLines[0]}},
	}
}

// edits writes the manifests and scripts as the state is.
func (s *toyState) edits() []edit {
	type lists map[string]string
	prod, dev, scripts := lists{}, lists{}, lists{"start": "node server.js"}
	var lock strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.packages)) {
		version, _, _ := strings.Cut(s.packages[name], " ")
		fmt.Fprintf(&lock, "\"//\": \"%s %s\",\n", name, s.packages[name])
		if s.dev[name] {
			dev[name] = version
		} else {
			prod[name] = version
		}
	}
	list := []edit{{op: "write", path: "package-lock.json", arg: fmt.Sprintf(
		"{\n%s\"name\": \"toyapp\", \"lockfileVersion\": 3, \"packages\": {}}\n", lock.String())}}
	for _, name := range []string{"build", "heroku-prebuild", "heroku-postbuild", "heroku-cleanup", "postinstall"} {
		lines := s.scripts[name]
		if lines == nil {
			list = append(list, edit{op: "remove", path: name + ".sh"})
			continue
		}
		scripts[name] = "sh " + name + ".sh"
		text := "set -e\n" + strings.Join(lines, "\n") + "\n"
		if s.cached && (name == "build" || name == "heroku-postbuild") {
			text = cacheLines + text
		}
		list = append(list, edit{op: "write", path: name + ".sh", arg: text})
	}
	doc := map[string]any{
		"name": "toyapp", "version": "1.0.0", "private": true, "engines": lists{"node": "22.x"},
		"scripts": scripts, "dependencies": prod, "devDependencies": dev,
	}
	if s.cached {
		doc["cacheDirectories"] = []string{"work-cache"}
	}
	manifest, _ := json.MarshalIndent(doc, "", "\t")
	return append(list, edit{op: "write", path: "package.json", arg: string(manifest)})
}

func (k *toy) draw(random *rand.Rand) func() []edit {
	s := newToyState()
	return func() []edit {
		switch random.IntN(10) {
		case 0, 1:
			s.drawLock(random)
		case 2, 3, 4, 5, 6, 7:
			s.drawScript(random)
		case 8:
			s.cached = !s.cached
		case 9:
			return drawFile(random)
		}
		return s.edits()
	}
}

// drawLock changes the dependencies.
func (s *toyState) drawLock(random *rand.Rand) {
	name := one(random, "alpha", "beta", "@scope/gamma", "delta")
	if random.IntN(4) == 0 && len(s.packages) > 1 {
		delete(s.packages, name)
		return
	}
	kind := one(random, "plain", "script", "bin", "dev")
	s.packages[name] = fmt.Sprintf("%d.0.0 %s", 1+random.IntN(3), kind)
	s.dev[name] = kind == "dev"
}

// drawScript changes a script: it goes, or does a few things.
func (s *toyState) drawScript(random *rand.Rand) {
	name, gone := "build", 10
	if random.IntN(4) == 0 { // these keep less from build to build
		name, gone = one(random, "heroku-postbuild", "heroku-prebuild", "heroku-cleanup", "postinstall"), 2
	}
	if random.IntN(gone) == 0 {
		delete(s.scripts, name)
		return
	}
	lines := []string{}
	for range one(random, 0, 1, 1, 1, 2, 3) {
		lines = append(lines, one(random, scriptLines...))
	}
	if random.IntN(15) == 0 {
		lines = append(lines, "exit 3")
	}
	s.scripts[name] = lines
}

// cacheLines use the directory that the app names. They are in the script as long as the app names it: what a
// script does not look at stays in the slug.
const cacheLines = `k=$(cat src/*.txt 2>/dev/null | cksum); [ "$(cat work-cache/key 2>/dev/null)" = "$k" ] || {
	rm -rf work-cache; mkdir -p work-cache; echo "$k" >work-cache/key; echo "made from $k" >work-cache/value; }
`

// scriptLines are what scripts do. What they leave depends on the source and the configuration alone.
var scriptLines = []string{
	`mkdir -p dist; find src lib -type f 2>/dev/null | sort | xargs -r cksum >dist/sums`,
	`mkdir -p dist; echo "$COLOUR" >dist/colour`,
	`find src lib -printf '%m %p %l\n' 2>/dev/null | sort >modes`,
	`echo generated >node_modules/alpha/gen.js`,
	`[ ! -f src/1.txt ] || cp src/1.txt node_modules/alpha/lib/1.js`,
	`echo patched >>node_modules/alpha/index.js`,
	`[ ! -d node_modules/beta ] || chmod 755 node_modules/beta/index.js`,
	`[ ! -d node_modules/beta ] || chmod 600 node_modules/beta/lib/1.js`,
	`rm -f node_modules/beta/lib/2.js`,
	`rm -f node_modules/alpha/lib/1.js`,
	`[ ! -f node_modules/alpha/index.js ] || chmod 755 node_modules/alpha/index.js`,
	`rm -rf node_modules/alpha`,
	`[ ! -d node_modules/beta/lib ] || mv node_modules/beta/lib node_modules/beta/lib2`,
	`[ ! -d node_modules/.bin ] || ln -sf ../alpha/index.js node_modules/.bin/extra`,
	`[ ! -d node_modules ] || mkdir -p node_modules/made/by/script node_modules/alpha/empty`,
	`f=node_modules/alpha/lib/2.js; [ ! -f $f ] || { touch -r $f ref; printf PART | dd of=$f conv=notrunc 2>/dev/null;
	touch -r ref $f; rm ref; }`,
	`f=node_modules/alpha/lib/3.js; [ ! -f $f ] || { cp -p $f ref; echo other >$f; cp -p ref $f; rm ref; }`,
	`d=node_modules/alpha/lib; [ ! -f $d/3.js ] || [ ! -f $d/2.js ] || {
	mv $d/2.js x; mv $d/3.js $d/2.js; mv x $d/3.js; }`,
	`f=node_modules/alpha/index.js; mkdir -p dist; rm -f dist/hard.js; [ ! -f $f ] || ln $f dist/hard.js`,
	`[ ! -d node_modules ] || { k=$(cat src/*.txt 2>/dev/null | cksum); k=${k% *}; c=node_modules/.cache/toy;
	[ -f $c/$k ] || { mkdir -p $c; echo "made from $k" >$c/$k; }; mkdir -p dist; cp $c/$k dist/cached; }`,
	`echo more >>src/1.txt`,
	`rm -rf src/deep`,
	`chmod 755 server.js`,
	`ln -sf server.js entry.js`,
	`echo own >"$HOME/.toyrc"`,
	`echo junk >"$npm_config_cache/junk"`,
	`rm -rf node_modules`,
	`mkdir -p .next/cache dist; [ -f .next/cache/x ] || echo x >.next/cache/x
	cp .next/cache/x dist/next; echo n >.next/own`,
}

// drawFile draws a special file of the app.
func drawFile(random *rand.Rand) []edit {
	name := one(random, "Procfile", ".slugignore", ".npmrc", "package-lock.json", "package.json", ".gitignore",
		"node_modules/alpha/own.js")
	if random.IntN(3) == 0 {
		return []edit{{op: "remove", path: name}}
	}
	content := map[string][]string{
		"Procfile":          {"web: node server.js\n", "web: node server.js\nworker: sh bin/run.sh\n", "web\n"},
		".slugignore":       {"*.txt\n", "lib/\n!lib/a\n", "src/deep\n", "/bin\n"},
		".npmrc":            {"fund=false\n", "audit=false\n"},
		"package-lock.json": {"{}\n", "{"},
		"package.json":      {"{", `{"name": "toyapp", "scripts": {"start": "node server.js"}}`},
		".gitignore":        {"dist\nlib\n"},

		"node_modules/alpha/own.js": {"own\n"},
	}
	return []edit{{op: "write", path: name, arg: one(random, content[name]...)}}
}
