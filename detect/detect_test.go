package detect_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"slugc/detect"
)

type (
	files map[string]string
	env   map[string]string
)

// tree returns a file system: a name that ends in "/" is a directory, content that starts with
// "-> " is a symbolic link.
func (f files) tree() fstest.MapFS {
	m := fstest.MapFS{}
	for name, content := range f {
		switch target, link := strings.CutPrefix(content, "-> "); {
		case strings.HasSuffix(name, "/"):
			m[strings.TrimSuffix(name, "/")] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		case link:
			m[name] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(target)}
		default:
			m[name] = &fstest.MapFile{Mode: 0o644, Data: []byte(content)}
		}
	}
	return m
}

// with adds files as name, content pairs and returns the same map.
func (f files) with(more ...string) files {
	for i := 0; i < len(more); i += 2 {
		f[more[i]] = more[i+1]
	}
	return f
}

// want is the part of a verdict that rows compare; what a row leaves out must be empty.
type want struct {
	pass     bool
	err      string   // "node/iojs at package.json engines.iojs"
	requires []string // "node 20.x from .nvmrc", "yarn =4.5.0 from … sha512.…"
	warnings []string
	reasons  []string // compared only where given; "-" before those against
}

type row struct {
	name  string
	files files
	env   env
	want  want
}

// check runs one detector over rows.
func check(t *testing.T, detector func(detect.Input) (detect.Result, error), rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			result, err := detector(detect.Input{FS: r.files.tree(), Env: r.env})
			got := summary(result, err)
			if len(result.Reasons) == 0 {
				t.Error("no reasons")
			}
			if result.Pass != (result.App != nil) {
				t.Errorf("Pass %v with App %v", result.Pass, result.App)
			}
			if r.want.reasons == nil {
				got.reasons = nil
			}
			if diff := cmp.Diff(r.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// checkApp compares the facts that a detector reads from a tree.
func checkApp(t *testing.T, detector func(detect.Input) (detect.Result, error), tree files, want any) {
	t.Helper()
	result, err := detector(detect.Input{FS: tree.tree()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, result.App); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func summary(result detect.Result, err error) want {
	got := want{pass: result.Pass, warnings: result.Warnings}
	if e, ok := errors.AsType[*detect.Error](err); ok {
		got.err = e.ID + " at " + e.Place
		if strings.Contains(e.Summary, "\n") || e.Summary == "" || len(e.Hints) == 0 {
			got.err += fmt.Sprintf(" [summary %q, hints %q]", e.Summary, e.Hints)
		}
	} else if err != nil {
		got.err = err.Error()
	}
	for _, r := range result.Requires {
		text := r.Tool + " " + r.Constraint
		if r.Exact {
			text = r.Tool + " =" + r.Constraint
		}
		text += " from " + r.From
		if r.Hash != "" {
			text += " " + r.Hash
		}
		got.requires = append(got.requires, text)
	}
	for _, r := range result.Reasons {
		if r.For {
			got.reasons = append(got.reasons, r.Text)
		} else {
			got.reasons = append(got.reasons, "-"+r.Text)
		}
	}
	return got
}

func ok(requires ...string) want { return want{pass: true, requires: requires} }

func fails(err string) want { return want{err: err} }

func warned(requires string, warnings ...string) want {
	return want{pass: true, requires: strings.Split(requires, "; "), warnings: warnings}
}

// FuzzManifests gives hostile content to every file that a detector parses.
func FuzzManifests(f *testing.F) {
	names := []string{"Gemfile", "Gemfile.lock", "gems.rb", ".ruby-version", "package.json", ".nvmrc", "yarn.lock",
		".yarnrc.yml", "pnpm-lock.yaml", "pnpm-workspace.yaml", "project.clj", "deps.edn", "build.clj",
		"system.properties", ".sdkmanrc", ".java-version", ".tool-versions", "mise.toml", "go.mod", "go.work"}
	f.Add(uint(0), "ruby '~> 3.3', engine: \"jruby\"")
	f.Add(uint(4), `{"engines": {"node": "20.x"}, "packageManager": "yarn@4.5.0", "workspaces": ["*"]}`)
	f.Add(uint(13), "java.runtime.version: zulu-21")
	f.Add(uint(16), "nodejs latest:20\njava temurin-21")
	f.Add(uint(17), "[tools]\nnode = [\"22\"]\n")
	f.Fuzz(func(t *testing.T, i uint, content string) {
		tree := merged(nodeTree, rubyTree, clojureTree, files{"deps.edn": "{}"})
		tree[names[i%uint(len(names))]] = content + " "
		for _, v := range detect.All(detect.Input{FS: tree.tree()}) {
			if len(v.Reasons) == 0 || v.Pass == (v.Err != nil) && v.Language != detect.Go {
				t.Fatalf("%s: pass %v, error %v, reasons %v", v.Language, v.Pass, v.Err, v.Reasons)
			}
			if s := summary(v.Result, v.Err); strings.Contains(s.err, "[summary") {
				t.Fatal(s.err)
			}
		}
	})
}
