package slugctest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"slugc/cache/digest"
	"slugc/cache/testkit"
)

// toyVersion is that of the toy Node.js: shell scripts with which a build takes a fifth of a second
// and no network. The buildpack, the sandbox and all of slugc are the real ones.
const toyVersion = "22.9.0"

const toyNode = `#!/bin/sh
[ "$1" = --version ] && { echo v` + toyVersion + `; exit; }
exec sh "$@"
`

// toyNpm installs one dependency, fills a cache of downloads, and runs the scripts of an install and of the
// build: the app's preinstall.sh and build.sh, if there are such.
const toyNpm = `#!/bin/sh
case "$1" in
--version) echo 10.9.9 ;;
config) echo "${npm_config_registry:-http://127.0.0.1:9/}" ;;
ci | install)
	mkdir -p node_modules/toy/lib node_modules/.bin
	for i in 1 2 3 4 5 6; do
		echo "toy $i $(cksum <package-lock.json)" >node_modules/toy/lib/$i.js
	done
	echo '{"name": "toy", "version": "1.0.0"}' >node_modules/toy/package.json
	ln -sf ../toy/lib/1.js node_modules/.bin/toy
	mkdir -p "$npm_config_cache/_cacache/content"
	for i in 1 2 3; do echo "cached $i" >"$npm_config_cache/_cacache/content/$i"; done
	if [ -f preinstall.sh ]; then sh ./preinstall.sh; fi
	echo "added 1 package" ;;
prune) echo "up to date" ;;
run)
	mkdir -p dist
	cat src/*.txt >dist/out.txt
	cksum node_modules/toy/lib/* >dist/sums.txt
	if [ -f build.sh ]; then exec sh ./build.sh; fi ;;
start) exec sh ./server.sh ;;
esac
`

// ToyMirror writes a mirror of the toy Node.js, as SLUGC_NODE_MIRROR names one, and returns dir.
func ToyMirror(t testing.TB, dir string) string {
	t.Helper()
	return ToyMirrorOf(t, dir, toyNpm)
}

// ToyMirrorOf is [ToyMirror] with another npm, which is a shell script.
func ToyMirrorOf(t testing.TB, dir, npm string) string {
	t.Helper()
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	name := fmt.Sprintf("node-v%s-linux-%s", toyVersion, arch)
	file := toyArchive(t, name, npm)
	testkit.Tree(t, dir, map[string]string{
		"index.json": fmt.Sprintf(`[{"version": "v%s", "files": ["linux-%s"], "lts": "Jod"}]`, toyVersion, arch),
		"v" + toyVersion + "/" + name + ".tar.gz": string(file),
		"v" + toyVersion + "/SHASUMS256.txt":      digest.Of(file).Hex() + "  " + name + ".tar.gz\n",
	})
	return dir
}

// toyArchive returns the toy Node.js, with an npm, as its tarball.
func toyArchive(t testing.TB, top, script string) []byte {
	t.Helper()
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	add := func(h tar.Header, content string) {
		h.Name, h.Size = top+"/"+h.Name, int64(len(content))
		if err := archive.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	npm := "lib/node_modules/npm/"
	add(tar.Header{Name: "bin/node", Mode: 0o755}, toyNode)
	add(tar.Header{Name: npm + "bin/npm-cli.js", Mode: 0o755}, script)
	add(tar.Header{Name: npm + "bin/npx-cli.js", Mode: 0o755}, script)
	add(tar.Header{Name: npm + "package.json", Mode: 0o644}, `{"name": "npm", "version": "10.9.9"}`)
	for _, tool := range []string{"npm", "npx"} {
		target := "../" + npm + "bin/" + tool + "-cli.js"
		add(tar.Header{Name: "bin/" + tool, Typeflag: tar.TypeSymlink, Linkname: target}, "")
	}
	for i := range 8 {
		add(tar.Header{Name: fmt.Sprintf(npm+"lib/part%d.js", i), Mode: 0o644}, strings.Repeat("part ", 1000+i))
		add(tar.Header{Name: fmt.Sprintf(npm+"lib/deep/part%d.js", i), Mode: 0o644}, fmt.Sprint("deep ", i))
	}
	add(tar.Header{Name: "LICENSE", Mode: 0o644}, "MIT\n")
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := compressed.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// ToyApp writes the app as it is in a variant: a line is another.
func ToyApp(t testing.TB, dir string, variant int) {
	t.Helper()
	files := map[string]string{
		"package.json": `{"name": "toyapp", "version": "1.0.0", "private": true, "engines": {"node": "22.x"},` +
			`"scripts": {"start": "node server.sh", "build": "true"}, "dependencies": {"toy": "1.0.0"}}`,
		"package-lock.json": `{"name": "toyapp", "version": "1.0.0", "lockfileVersion": 3, "requires": true,` +
			`"packages": {"": {"name": "toyapp", "version": "1.0.0", "dependencies": {"toy": "1.0.0"}},` +
			`"node_modules/toy": {"version": "1.0.0", "resolved": "http://127.0.0.1:9/toy.tgz", ` +
			`"integrity": "sha512-x"}}}`,
		"server.sh": fmt.Sprintf("echo variant %d\ncat src/1.txt\n", variant),
	}
	for i := range 4 {
		files[fmt.Sprintf("src/%d.txt", i)] = fmt.Sprintf("text %d\n", i)
	}
	files["src/1.txt"] = fmt.Sprintf("variant %d\n", variant)
	for name, content := range files {
		path := filepath.Join(dir, name)
		if old, err := os.ReadFile(path); err != nil || string(old) != content {
			testkit.Write(t, path, content)
		}
	}
}
