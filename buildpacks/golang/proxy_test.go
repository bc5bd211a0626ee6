package golang_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/dirhash"

	"slugc/buildpacks/buildpacktest"
	"slugc/buildpacks/toolchain/toolchaintest"
)

// toyProxy serves a module, and returns the lines of go.sum for it.
func toyProxy(t *testing.T) (proxy *buildpacktest.FileServer, sums string) {
	t.Helper()
	const module, mod = "example.com/toy@v1.0.0", "module example.com/toy\n\ngo 1.21\n"
	archive := toolchaintest.Zip(t, map[string]string{
		module + "/go.mod": mod, module + "/toy.go": "package toy\n// " + strings.Repeat("toy", 5000) + "\n",
	})
	file := filepath.Join(t.TempDir(), "toy.zip")
	must(t, os.WriteFile(file, archive, 0o644))
	sum, err := dirhash.HashZip(file, dirhash.Hash1)
	must(t, err)
	modSum, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(mod)), nil
	})
	must(t, err)
	at := func(ext string, data []byte) (string, *fstest.MapFile) {
		return "example.com/toy/@v/v1.0.0." + ext, &fstest.MapFile{Data: data}
	}
	files := fstest.MapFS{}
	info := []byte(`{"Version":"v1.0.0"}`)
	for ext, data := range map[string][]byte{"zip": archive, "mod": []byte(mod), "info": info} {
		name, content := at(ext, data)
		files[name] = content
	}
	return buildpacktest.ServeFiles(t, "proxy", http.FileServerFS(files)),
		fmt.Sprintf("example.com/toy v1.0.0 %s\nexample.com/toy v1.0.0/go.mod %s\n", sum, modSum)
}

// TestProxyFaults breaks the module proxy in every way: the build says so, with the host, and whether trying
// again may help.
func TestProxyFaults(t *testing.T) {
	t.Parallel()
	proxy, sums := toyProxy(t)
	host := strings.TrimPrefix(proxy.URL, "http://")
	b := newApp(t, map[string]string{
		"go.mod":  "module example.com/app\n\ngo 1.26\n\nrequire example.com/toy v1.0.0\n",
		"go.sum":  sums,
		"main.go": "package main\n\nimport _ \"example.com/toy\"\n\nfunc main() {}\n",
	})
	must(t, os.Remove(b.Layer("modules"))) // everything has to be fetched
	b.Config["GOPROXY"] = proxy.URL
	for _, test := range []struct {
		fault, id string
		transient bool
	}{
		{"404", "go/module-not-found", false},
		{"500", "go/proxy-unreachable", true},
		{"reset", "go/proxy-unreachable", true},
		{"short", "go/proxy-unreachable", true},
		{"altered", "go/proxy-unreachable", true},
	} {
		t.Run(test.fault, func(t *testing.T) {
			b.T = t
			proxy.Break(".zip", buildpacktest.Faults[test.fault])
			got := b.MustFail(test.id)
			if d := got.Diagnosis; d.Transient != test.transient ||
				test.transient && !strings.Contains(d.Summary+strings.Join(d.Hints, " "), host) {
				t.Errorf("got %+v\n%s", d, got.Log)
			}
		})
	}
	b.T = t
	proxy.Break("", buildpacktest.Faults["silent"])
	if d := b.MustWait(); d.ID != "go/network" || !d.Transient || !strings.Contains(d.Summary, " waits on "+host) {
		t.Errorf("got %+v", d)
	}
}
