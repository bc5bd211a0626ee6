package main

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"slugc/.ci/bench/mirror"
)

const registryURL = "http://127.0.0.1:4873"

func big(t *testing.T) *bench {
	t.Helper()
	app, err := filepath.Abs("testdata/node")
	if err != nil {
		t.Fatal(err)
	}
	return &bench{bigApp: app, npm: &mirror.Mirror{URL: registryURL}}
}

// TestNoRegistry: the files of the apps name no host that serves packages.
func TestNoRegistry(t *testing.T) {
	addresses := regexp.MustCompile(`https?://[^"\s]+`)
	for _, name := range []string{"node/package.json", "node/package-lock.json", "node/added.json", "go/go.mod"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range addresses.FindAllString(string(text), -1) {
			u, err := url.Parse(address)
			if err != nil || strings.HasSuffix(u.Path, ".tgz") || strings.Contains(u.Host, "registry") {
				t.Errorf("%s names %s", name, address)
			}
		}
		if strings.Contains(string(text), `"resolved"`) {
			t.Errorf("%s says where packages were resolved", name)
		}
	}
}

// TestWriteNode: all packages come from the mirror; added ones are in both files.
func TestWriteNode(t *testing.T) {
	b, dir := big(t), t.TempDir()
	if err := b.writeNode(dir, nodeApp{added: 2, script: true}); err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Dependencies, Scripts map[string]string }
	var lock struct {
		Packages map[string]struct {
			Version, Resolved, Integrity string
			Dependencies                 map[string]string
		}
	}
	for name, v := range map[string]any{"package.json": &manifest, "package-lock.json": &lock} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err := errors.Join(err, json.Unmarshal(data, v)); err != nil {
			t.Fatal(err)
		}
	}
	resolved := 0
	for key, p := range lock.Packages {
		if p.Integrity == "" {
			continue
		}
		resolved++
		if !strings.HasPrefix(p.Resolved, registryURL+"/") || !strings.HasSuffix(p.Resolved, "-"+p.Version+".tgz") {
			t.Errorf("%s is from %q", key, p.Resolved)
		}
	}
	if resolved < 1300 {
		t.Errorf("the app has %d packages", resolved)
	}
	scoped := lock.Packages["node_modules/@babel/core"].Resolved
	if !strings.HasPrefix(scoped, registryURL+"/@babel/core/-/core-") {
		t.Errorf("a package with a scope is from %q", scoped)
	}
	for _, name := range []string{"bignumber.js", "dayjs"} { // the first two
		version := lock.Packages["node_modules/"+name].Version
		if version == "" || manifest.Dependencies[name] != version || lock.Packages[""].Dependencies[name] != version {
			t.Errorf("%s is added as %q, %q and %q", name, version, manifest.Dependencies[name],
				lock.Packages[""].Dependencies[name])
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "build.js")); err != nil || manifest.Scripts["build"] == "" {
		t.Errorf("no build script: %v, %v", manifest.Scripts, err)
	}
}

// TestWriteAlone: an app of one dependency has nothing else.
func TestWriteAlone(t *testing.T) {
	b, dir := big(t), t.TempDir()
	if err := b.writeNode(dir, nodeApp{script: true, alone: true}); err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if n := strings.Count(string(lock), `"resolved"`); err != nil || n != 1 {
		t.Errorf("the lock file has %d packages, %v", n, err)
	}
}

func TestPackageName(t *testing.T) {
	for _, test := range []struct {
		key   string
		entry object
		want  string
	}{
		{"node_modules/chi", object{}, "chi"},
		{"node_modules/a/node_modules/@acme/toy", object{}, "@acme/toy"},
		{"node_modules/alias", object{"name": "real"}, "real"},
	} {
		if got := packageName(test.key, test.entry); got != test.want {
			t.Errorf("%s installs %q, want %q", test.key, got, test.want)
		}
	}
}

// TestDisk: a file with two names takes its place once.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	if err := errors.Join(os.WriteFile(one, make([]byte, 1<<20), 0o644), os.Link(one, two)); err != nil {
		t.Fatal(err)
	}
	if got := diskOf(dir); got < 1<<20 || got >= 2<<20 {
		t.Errorf("the tree takes %.0f bytes", got)
	}
}
