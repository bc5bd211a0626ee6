package buildpacks_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks"
	"slugc/buildpacks/toolchain"
	"slugc/cache/testkit"
	"slugc/detect"
)

// TestSticky: an app that names no Ruby stays on the last build's; one that names it, and every
// other tool, does not.
func TestSticky(t *testing.T) {
	requests := []toolchain.Request{
		{Tool: "ruby", From: "default"},
		{Tool: "node", From: "default"},
		{Tool: "ruby", Constraint: "~> 3.3", From: "Gemfile ruby"},
	}
	want := []toolchain.Request{
		{Tool: "ruby", Constraint: "3.1.2", From: buildpacks.FromLastBuild},
		requests[1],
		requests[2],
	}
	before := append([]toolchain.Request{}, requests...)
	last := map[string]string{"ruby": "3.1.2", "node": "22.1.0"}
	if diff := cmp.Diff(want, buildpacks.Sticky(requests, last)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, requests); diff != "" {
		t.Errorf("the requests given are changed:\n%s", diff)
	}
	if diff := cmp.Diff(before, buildpacks.Sticky(requests, nil)); diff != "" {
		t.Errorf("of a first build (-want +got):\n%s", diff)
	}
}

// TestLanguages holds the table of languages to the detectors and to the README.
func TestLanguages(t *testing.T) {
	readme := testkit.Read(t, "../README.md")
	known := map[detect.Language]bool{}
	tools := map[string]detect.Language{}
	for _, l := range buildpacks.Languages {
		known[l.Name] = true
		if l.ID != "slugc/"+string(l.Name) || l.Version == "" || l.Detect == nil || l.Build == nil {
			t.Errorf("%s: the buildpack is incomplete: %+v", l.Name, l)
		}
		if l.Title == "" || !strings.Contains(readme, l.Title) {
			t.Errorf("%s: the README does not name %q", l.Name, l.Title)
		}
		for _, tool := range l.Tools {
			if other, taken := tools[tool]; taken {
				t.Errorf("tool %s belongs to %s and %s", tool, other, l.Name)
			}
			tools[tool] = l.Name
		}
		for _, tool := range l.StickyTools {
			if tools[tool] != l.Name {
				t.Errorf("%s: the sticky tool %s is not one of its tools", l.Name, tool)
			}
		}
	}
	for _, v := range detect.All(detect.Input{FS: fstest.MapFS{}}) {
		if !known[v.Language] {
			t.Errorf("%s has a detector and no buildpack", v.Language)
		}
		delete(known, v.Language)
	}
	for name := range known {
		t.Errorf("%s has a buildpack and no detector", name)
	}
}

// TestRequests leaves out tools that are not fetched, and all tools of an app that is refused.
func TestRequests(t *testing.T) {
	requires := []detect.Requirement{{Tool: "ruby", Constraint: "~> 3.3", From: "Gemfile"}, {Tool: "bundler"}}
	for engine, want := range map[string][]toolchain.Request{
		"ruby": {{Tool: "ruby", Constraint: "~> 3.3", From: "Gemfile"}}, "jruby": nil,
	} {
		got := buildpacks.Requests([]detect.Result{
			{Language: detect.Ruby, App: &detect.RubyApp{Engine: engine}, Requires: requires},
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", engine, diff)
		}
	}
}

// TestMetadata tells Node's buildpack, and no other, that it assists.
func TestMetadata(t *testing.T) {
	for _, test := range []struct {
		chosen detect.Result
		want   []buildpacks.Metadata
	}{
		{detect.Result{Language: detect.Node, App: &detect.NodeApp{}}, nil},
		{
			detect.Result{Language: detect.Node, App: &detect.NodeApp{Assisting: true}},
			[]buildpacks.Metadata{{Entry: "node", Key: "assisting", Value: true}},
		},
		{detect.Result{Language: detect.Ruby, App: &detect.RubyApp{}}, nil},
	} {
		if diff := cmp.Diff(test.want, buildpacks.MetadataOf(test.chosen)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.chosen, diff)
		}
	}
}

// TestPrecompile: the standard library is compiled once for apps that need much of it.
func TestPrecompile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"a web app":       {map[string]string{"go.mod": "module a", "main.go": "import \"net/http\"\n"}, true},
		"its main below":  {map[string]string{"go.mod": "module a", "cmd/a/main.go": "import \"net/http\"\n"}, true},
		"modules":         {map[string]string{"go.mod": "module a\nrequire example.com/b v1.0.0"}, true},
		"a small program": {map[string]string{"go.mod": "module a", "main.go": "import \"fmt\"\n"}, false},
		"a package of it": {map[string]string{"go.mod": "module a", "x/x.go": "import \"net/http\"\n"}, false},
	} {
		tree := fstest.MapFS{}
		for file, text := range tt.files {
			tree[file] = &fstest.MapFile{Data: []byte(text)}
		}
		found, err := detect.ForGo(detect.Input{FS: tree})
		if err != nil {
			t.Fatal(err)
		}
		got := buildpacks.Precompile(buildpacks.PrecompileInput{
			App: []detect.Result{found}, Env: map[string]string{},
			Tool: toolchain.Toolchain{Tool: "go", Version: "1.26.1", Dir: "/go"},
		})
		if got == nil || got.Optional == tt.want {
			t.Errorf("%s: got %+v, worth its while: %t", name, got, tt.want)
		}
	}
}
