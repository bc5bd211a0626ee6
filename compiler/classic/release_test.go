package classic_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/classic"
	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
)

// release is a buildpack whose bin/release says this.
func release(yaml string) map[string]string {
	return map[string]string{"compile": ":", "release": "cat <<'EOF'\n" + yaml + "\nEOF"}
}

// TestRelease holds what is read of bin/release.
func TestRelease(t *testing.T) {
	t.Parallel()
	web := []procfile.Process{{Type: "web", Command: "npm start"}}
	for name, c := range map[string]struct {
		yaml string
		want classic.Result
	}{
		"nothing":          {"", classic.Result{}},
		"a document":       {"---", classic.Result{}},
		"an empty map":     {"--- {}", classic.Result{}},
		"a comment":        {"# nothing", classic.Result{}},
		"empty entries":    {"---\naddons: []\nconfig_vars: {}\ndefault_process_types: {}", classic.Result{}},
		"no values":        {"---\naddons:\nconfig_vars:\ndefault_process_types:", classic.Result{}},
		"an old buildpack": {"addons: {}", classic.Result{}},
		"process types": {
			"default_process_types:\n  worker: bin/work --all\n  web: \"  npm start  \"",
			classic.Result{Processes: append(web[:1:1], procfile.Process{Type: "worker", Command: "bin/work --all"})},
		},
		"json":             {`{"default_process_types": {"web": "npm start"}}`, classic.Result{Processes: web}},
		"a folded command": {"default_process_types:\n  web: >\n    npm\n    start\n", classic.Result{Processes: web}},
		"an empty command": {
			"default_process_types: {web: npm start, worker: '', clock: ~}", classic.Result{Processes: web},
		},
		"other keys": {
			"default_process_types: {web: npm start}\nstack: [x]\nweb: 1", classic.Result{Processes: web},
		},
		"aliases": {"x: &x {web: &w npm start}\ndefault_process_types: *x", classic.Result{Processes: web}},
		"config vars as written": {
			"config_vars: {A: 010, B: yes, C: 1.50, D: ~, E: 2026-01-02, F: 'a\n\n b', " +
				"_G: \"x\\ty\", JAVA_OPTS: -Xmx384m -Dx=y}",
			classic.Result{ConfigVars: map[string]string{
				"A": "010", "B": "yes", "C": "1.50", "D": "", "E": "2026-01-02", "F": "a\nb", "_G": "x\ty",
				"JAVA_OPTS": "-Xmx384m -Dx=y",
			}},
		},
		"add-ons": {
			"addons:\n  - heroku-postgresql:mini\n  - 'papertrail'\n  -\n",
			classic.Result{Addons: []string{"heroku-postgresql:mini", "papertrail"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := buildpack(t, release(c.yaml)).app(nil).compile()
			got.Own = sandbox.Bind{}
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Errorf("the result differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBrokenRelease holds that what is no release is the buildpack's fault.
func TestBrokenRelease(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for _, c := range []string{"ab", "bc", "cd", "de", "ef", "fg", "gh", "hi"} {
		bomb += c[1:] + ": &" + c[1:] + " [" + strings.Repeat("*"+c[:1]+",", 8) + "*" + c[:1] + "]\n"
	}
	for name, c := range map[string]struct{ yaml, text string }{
		"broken":              {"a: [", "bin/release: yaml: "},
		"a list":              {"- a", "bin/release: the document is not a map"},
		"a text":              {"web: npm start\nnpm", "bin/release: yaml: "},
		"types that are text": {"default_process_types: npm start", "default_process_types is not a map"},
		"types that are lists": {
			"default_process_types: {web: [npm, start]}", `default_process_types: "web": it is not a text`,
		},
		"a bad type": {
			"default_process_types: {'web 1': x}", `process type "web 1" has characters other than`,
		},
		"a type twice":            {"default_process_types: {web: x, web: y}", `names "web" twice`},
		"two lines":               {"default_process_types: {web: \"a\\nb\"}", "its command has more than one line"},
		"vars that are a list":    {"config_vars: [A]", "config_vars is not a map"},
		"a var that is a map":     {"config_vars: {A: {b: c}}", `config_vars: "A": it is not a text`},
		"a bad name":              {"config_vars: {'A B': c}", `config_vars: "A B": it is not the name of a variable`},
		"a NUL":                   {`config_vars: {A: "a\0b"}`, `config_vars: "A": it has a NUL character`},
		"add-ons that are text":   {"addons: x", "addons is not a list"},
		"an add-on that is a map": {"addons: [{a: b}]", "addons: it is not a text"},
		"a key that is a list":    {"? [a]\n: b", "the document: a key: it is not a text"},
		"aliases without end":     {bomb + "default_process_types: *i", "default_process_types is not a map"},
		"an alias of itself":      {"default_process_types: &a {web: *a}", `"web": it is not a text`},
		"depth":                   {strings.Repeat("[", 20000), "bin/release: yaml: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			buildpack(t, release(c.yaml)).app(nil).fails(52, "buildpack/broken-output", c.text)
		})
	}
	for name, o := range map[string]outcome{
		"100 MB": {
			map[string]string{"compile": ":", "release": `echo "--- {}"; head -c 100000000 /dev/zero | tr '\0' '#'`},
			52, "buildpack/broken-output", `what "release" says has more than 1048576 bytes`,
		},
		"too many types": {
			map[string]string{"compile": ":", "release": `echo default_process_types:
				for i in $(seq 257); do echo "  t$i: x"; done`},
			52, "buildpack/broken-output", "default_process_types has 257 entries, more than 256",
		},
		"a failure": {
			map[string]string{"compile": ":", "release": "echo why >&2; exit 1"},
			52, "buildpack/broke", "running bin/release of buildpack acme: exited with code 1: why",
		},
		"no interpreter": {
			map[string]string{"compile": ":", "release": "#!/usr/bin/env no-such-ruby\n"},
			52, "buildpack/not-runnable", `running bin/release of buildpack acme: its interpreter "no-such-ruby"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.check(t)
		})
	}
}
