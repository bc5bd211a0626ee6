package detect_test

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"

	"slugc/detect"
)

// failing is a tree in which one file can be looked at and not opened, or not even looked at.
type failing struct {
	fstest.MapFS
	file string
	call string // "open" or "lstat"
}

func (f failing) Open(name string) (fs.File, error) {
	if name == f.file && f.call == "open" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EIO}
	}
	return f.MapFS.Open(name)
}

func (f failing) Lstat(name string) (fs.FileInfo, error) {
	if name == f.file && f.call == "lstat" {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: syscall.EIO}
	}
	return f.MapFS.Lstat(name)
}

// TestTrouble has the disk fail under files that says what an app is or which versions it asks
// for: the error is the disk's. The file is never taken for an absent or an empty one.
func TestTrouble(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"package.json":      {Data: []byte(`{"name": "x", "engines": {"node": "22.x"}}`)},
		"package-lock.json": {Data: []byte(`{"lockfileVersion": 3}`)},
		".nvmrc":            {Data: []byte("22\n")},
		"go.mod":            {Data: []byte("module example.com/x\n\ngo 1.25\n")},
		"Gemfile":           {Data: []byte("source \"https://rubygems.org\"\nruby \"3.3.9\"\n")},
		"Gemfile.lock":      {Data: []byte("GEM\n  specs:\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n")},
		"project.clj":       {Data: []byte("(defproject x \"1\")\n")},
	}
	for _, c := range []struct{ call, file string }{
		{"open", "."}, {"open", "package.json"}, {"open", "go.mod"}, {"open", "Gemfile"}, {"open", "project.clj"},
		{"open", ".nvmrc"}, {"lstat", "package.json"}, {"lstat", "package-lock.json"}, {"lstat", "Gemfile.lock"},
	} {
		in := detect.Input{FS: failing{tree, c.file, c.call}}
		if _, err := detect.Group(in, detect.All(in)); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s of %s fails, and Group returns %v", c.call, c.file, err)
		}
	}
}

// TestLinkToApp follows an absolute link to where a slug runs, and no other one.
func TestLinkToApp(t *testing.T) {
	t.Parallel()
	for target, pass := range map[string]bool{"/app/config/Gemfile": true, "/etc/Gemfile": false, "/app/../x": false} {
		tree := fstest.MapFS{
			"config/Gemfile":      {Data: []byte("gem 'rack'\n")},
			"config/Gemfile.lock": {Data: []byte("GEM\n  specs:\n    rack (3.1.0)\n")},
			"Gemfile":             {Data: []byte(target), Mode: fs.ModeSymlink},
			"Gemfile.lock":        {Data: []byte("/app/config/Gemfile.lock"), Mode: fs.ModeSymlink},
		}
		for _, v := range detect.All(detect.Input{FS: tree}) {
			if v.Language == "ruby" && v.Pass != pass {
				t.Errorf("%s: %+v", target, v)
			}
		}
	}
}

// listing records which directories are opened.
type listing struct {
	fstest.MapFS
	mu     *sync.Mutex
	opened map[string]bool
}

func (l listing) Open(name string) (fs.File, error) {
	f, err := l.MapFS.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.opened[name] = true
	}
	return f, nil
}

// TestSourceIsNotWalked holds that of an app's own source, which may be large, no directory is listed.
func TestSourceIsNotWalked(t *testing.T) {
	t.Parallel()
	for name, manifest := range map[string]map[string]string{
		"node": {"package.json": `{"name": "x", "scripts": {"start": "node src/a.js"}}`, "package-lock.json": `{}`},
		"go":   {"go.mod": "module example.com/x\n\ngo 1.25\n", "main.go": "package main\n"},
		"clj":  {"project.clj": "(defproject x \"1\")\n"},
		"ruby": {"Gemfile": "source \"https://rubygems.org\"\n", "Gemfile.lock": "GEM\n  specs:\n"},
	} {
		tree := listing{fstest.MapFS{"node_modules/x/index.js": {}}, &sync.Mutex{}, map[string]bool{}}
		for _, file := range []string{"src/a/b/c.js", "lib/a/b/c.rb", "internal/a/b.go", "app/models/a.rb"} {
			tree.MapFS[file] = &fstest.MapFile{}
		}
		for file, content := range manifest {
			tree.MapFS[file] = &fstest.MapFile{Data: []byte(content)}
		}
		detect.All(detect.Input{FS: tree})
		delete(tree.opened, ".")
		if len(tree.opened) > 0 {
			t.Errorf("%s: the directories %v are listed", name, slices.Sorted(maps.Keys(tree.opened)))
		}
	}
}
