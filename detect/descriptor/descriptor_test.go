package descriptor_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"slugc/detect"
	"slugc/detect/descriptor"
)

// files makes a tree of "name: content" pairs.
func files(pairs ...string) fstest.MapFS {
	tree := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		tree[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return tree
}

// read reads files that must be valid.
func read(t *testing.T, tree fstest.MapFS, member string) (*descriptor.Descriptor, []string) {
	t.Helper()
	d, warnings, err := descriptor.Read(tree, member)
	if err != nil {
		t.Fatal(err)
	}
	return d, warnings
}

// show lists buildpacks, one a line.
func show(list []descriptor.Use) string {
	var b strings.Builder
	for _, u := range list {
		fmt.Fprintf(&b, "%s id=%s version=%s optional=%t at %s", u.Ref, u.ID, u.Version, u.Optional, u.Place)
		if u.Script != nil {
			fmt.Fprintf(&b, " %s %s %q", u.Script.API, u.Script.Shell, u.Script.Inline)
		}
		b.WriteString("\n")
	}
	return b.String()
}

const full = `[_]
schema-version = "0.2"
id = "com.example.shop"
licenses = [{ type = "MIT" }]

[_.metadata.anything]
goes = [1, 2.5, 1979-05-27]

[io.buildpacks]
builder = "cnbs/sample-builder:bionic"
exclude = ["spec/", "*.log"]

[[io.buildpacks.group]]
id = "example/java"
version = "1.0"

[[io.buildpacks.group]]
uri = "https://host/bp.tgz#sha256=abc"
optional = true

[[io.buildpacks.group]]
id = "me/inline"

[io.buildpacks.group.script]
api = "0.10"
inline = """
echo "[[io.buildpacks.group]]"
x = 1"""

[[io.buildpacks.pre.group]]
id = "example/certs"

[[io.buildpacks.post.group]]
uri = "docker://host/post"

[[io.buildpacks.build.env]]
name = "JAVA_OPTS"
value = "-Xmx1g"

[[io.buildpacks.build.env]]
name = "PATH"
value = "/opt/bin"

[com.slugc]
network = "install"
stack = "heroku-24"
env = { JAVA_OPTS = "-Xmx2g" }

[com.slugc.versions]
node = "22"

[com.slugc.processes]
web = "bin/web --port $PORT"

[com.slugc.limits]
timeout = "1h30m"
memory = "2GiB"
size = "500MB"
processes = 512

[com.example]
"any thing" = true
`

// TestProject reads a descriptor that uses all of schema 0.2 and all of slugc's settings.
func TestProject(t *testing.T) {
	t.Parallel()
	d, warnings := read(t, files("project.toml", full), "")
	want := `example/java@1.0 id=example/java version=1.0 optional=false at project.toml:13
https://host/bp.tgz#sha256=abc id= version= optional=true at project.toml:17
 id=me/inline version= optional=false at project.toml:21 0.10 /bin/sh "echo \"[[io.buildpacks.group]]\"\nx = 1"
`
	if diff := cmp.Diff(want, show(d.Buildpacks)); diff != "" {
		t.Errorf("buildpacks:\n%s", diff)
	}
	around := show(d.Pre) + show(d.Post)
	if want := "example/certs id=example/certs version= optional=false at project.toml:30\n" +
		"docker://host/post id= version= optional=false at project.toml:33\n"; around != want {
		t.Errorf("around: %s", around)
	}
	env := map[string]string{"JAVA_OPTS": "-Xmx2g", "PATH": "/opt/bin", "SLUGC_NODE_VERSION": "22"}
	if diff := cmp.Diff(env, d.Env); diff != "" {
		t.Errorf("env:\n%s", diff)
	}
	if d.From != "project.toml" || fmt.Sprint(d.Include, d.Exclude) != "[] [spec/ *.log]" {
		t.Errorf("from %q, include %q, exclude %q", d.From, d.Include, d.Exclude)
	}
	s := descriptor.Settings{
		Env: map[string]string{"JAVA_OPTS": "-Xmx2g"}, Versions: descriptor.Versions{Node: "22"},
		Processes: map[string]string{"web": "bin/web --port $PORT"}, Network: "install", Stack: "heroku-24",
		Limits: descriptor.Limits{
			Timeout: descriptor.Duration(5400e9), Memory: 2 << 30, Size: 500e6, Processes: 512,
		},
	}
	if diff := cmp.Diff(s, d.Settings); diff != "" {
		t.Errorf("settings:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"project.toml: slugc does not use io.buildpacks.builder."}, warnings); diff != "" {
		t.Errorf("warnings:\n%s", diff)
	}
}

// TestChoosing reads which file chooses the buildpacks.
func TestChoosing(t *testing.T) {
	t.Parallel()
	const (
		none  = "[com.slugc]\nstack = \"cedar\"\n"
		two   = "[_]\nschema-version = \"0.3\"\n[[io.buildpacks.group]]\nuri = \"p\"\n"
		ours  = "[com.slugc]\nbuildpacks = [\n  \"./bp\", # ours\n  \"slugc/node\",\n]\n"
		list  = "\r\n# comment\r\n https://host/a.git#v1 # why\r\n\r\n#no\r\nheroku/python\r\n"
		app   = `{"buildpacks": [{"url": "heroku/nodejs"}, "https://host/b.git"]}`
		first = "[[build.buildpacks]]\nid = \"one\"\n"
	)
	for _, c := range []struct {
		name, member, want string
		tree               fstest.MapFS
		warnings           []string
	}{
		{name: "nothing", tree: files("README", "x"), want: ""},
		{name: "settings alone", tree: files("project.toml", none), want: ""},
		{name: "list", tree: files("project.toml", none, ".buildpacks", list),
			want: ".buildpacks https://host/a.git#v1@.buildpacks:3 heroku/python@.buildpacks:6"},
		{name: "CR alone", tree: files(".buildpacks", "a\rb\r"), want: ".buildpacks a@.buildpacks:1 b@.buildpacks:2"},
		{name: "app.json", tree: files("app.json", app),
			want: "app.json slugc/node@app.json:1 https://host/b.git@app.json:1", warnings: []string{
				"app.json:1: heroku/nodejs is slugc's own buildpack slugc/node here; name Heroku's by its address.",
			}},
		{name: "byte order mark", tree: files("app.json", "\ufeff"+app, ".buildpacks", "\ufeffa"),
			want: ".buildpacks a@.buildpacks:1", warnings: []string{
				".buildpacks chooses the buildpacks; those of app.json are ignored.",
			}},
		{name: "all", tree: files("project.toml", two, ".buildpacks", list, "app.json", app),
			want: "project.toml p@project.toml:3", warnings: []string{
				"project.toml chooses the buildpacks; those of .buildpacks and app.json are ignored.",
			}},
		{name: "schema 0.1", tree: files("project.toml", first), want: "project.toml one@project.toml:1"},
		{name: "no schema", tree: files("project.toml", strings.TrimPrefix(two, "[_]\nschema-version = \"0.3\"\n")),
			want: "", warnings: []string{`project.toml: [io.buildpacks] is ignored, because without a schema-version ` +
				`it is of schema 0.1; add schema-version = "0.2" to [_].`}},
		{name: "slugc's own", tree: files("project.toml", two+ours),
			want: "project.toml ./bp@project.toml:6 slugc/node@project.toml:6", warnings: []string{
				"project.toml: the buildpacks are those of [com.slugc]; the group for other builders is ignored.",
			}},
		{name: "member", member: "apps/api", tree: files("project.toml", two, "apps/api/.buildpacks", "mine"),
			want: ".buildpacks mine@.buildpacks:1"},
		{name: "execution environments", tree: files("project.toml", two+"exec-env = [\"test\"]\n"), want: ""},
		{name: "almost slugc", tree: files("project.toml", "[com.sluggc]\n"), warnings: []string{
			"project.toml: [com.sluggc] is not read; slugc's own table is [com.slugc].",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, warnings := read(t, c.tree, c.member)
			got := d.From
			for _, u := range d.Buildpacks {
				got += " " + u.Ref + "@" + u.Place
			}
			if got != c.want {
				t.Errorf("chosen %q, want %q", got, c.want)
			}
			if diff := cmp.Diff(c.warnings, warnings); diff != "" {
				t.Errorf("warnings:\n%s", diff)
			}
		})
	}
}

var update = flag.Bool("update", false, "write testdata/invalid.txt")

// TestInvalid reads what is wrong: one error each, with its place and a way out. The texts are in testdata/invalid.txt.
func TestInvalid(t *testing.T) {
	t.Parallel()
	const golden = "testdata/invalid.txt"
	var got strings.Builder
	for _, c := range invalid {
		_, _, err := descriptor.Read(files(c.file, c.text), "")
		e, ok := errors.AsType[*detect.Error](err)
		if !ok || e.ID != "descriptor/invalid" || len(e.Hints) == 0 {
			t.Errorf("%s %.60q: the error is %+v", c.file, c.text, err)
			continue
		}
		fmt.Fprintf(&got, "%s %.60q\n\t%s: %s\n\t(%s)\n",
			c.file, c.text, e.Place, e.Summary, strings.Join(e.Hints, "; "))
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Error(diff)
	}
}

// TestUnreadable reads files that are none.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(dir+"/app.json", 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tree := range map[string]fs.FS{
		"project.toml": fstest.MapFS{"project.toml": {Mode: fs.ModeDir | 0o755}},
		".buildpacks":  files(".buildpacks", strings.Repeat("#\n", descriptor.MaxBytes)),
		"app.json":     os.DirFS(dir), // whose opening would wait
	} {
		_, _, err := descriptor.Read(tree, "")
		e, ok := errors.AsType[*detect.Error](err)
		if !ok || e.ID != "detect/file-unreadable" || e.Place != name {
			t.Errorf("%s: the error is %+v", name, err)
		}
	}
}

// FuzzRead reads any three files: they end in a value or in one error of the app's.
func FuzzRead(f *testing.F) {
	for _, c := range invalid {
		f.Add(c.text, c.text, c.text)
	}
	f.Add(full, "a\n", `{"env": {"A": {"generator": "secret"}}}`)
	f.Fuzz(func(t *testing.T, project, list, app string) {
		_, warnings, err := descriptor.Read(files("project.toml", project, ".buildpacks", list, "app.json", app), "")
		if err != nil {
			e, ok := errors.AsType[*detect.Error](err)
			if !ok || e.Place == "" || strings.ContainsAny(e.Summary+e.Place, "\x1b\n\x00") {
				t.Fatalf("the error is %+v", err)
			}
		}
		for _, w := range warnings {
			if strings.ContainsAny(w, "\x1b\n\x00") {
				t.Errorf("a warning is %q", w)
			}
		}
	})
}
