package lifecycle_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"slugc/cache/testkit"
)

// corpusCase is a case of testdata/corpus: buildpacks, an order, and what slugc does otherwise than the lifecycle.
//
//	=== name
//	order: a b? | c       groups; "?" is optional
//	env: NAME=VALUE       of the platform; \n stands for a line end
//	api: 0.8              of the buildpacks, if it is not 0.10
//	launch: web           process types to start
//	builds: 2             the app is built twice; BUILD is the number
//	differs: Layers: why  a field of outcome that is not the same, and the reason
//	-- a/detect --
//	provides x
//
// Files are a/detect and a/build, scripts of the buildpack a that can use the functions of prelude; a/order, which
// makes it composite; a/toml, added to its buildpack.toml; app/NAME, of the app.
type corpusCase struct {
	name, api string
	order     []string
	env       map[string]string
	launch    []string
	twice     bool
	differs   map[string]string
	files     []txtar.File
}

// prelude are functions of the scripts in the corpus.
const prelude = `#!/bin/sh
set -eu
s=
or() { s=or.; echo '[[or]]' >>"$plan"; }
provides() { for n; do printf '[[%sprovides]]\nname = "%s"\n' "$s" "$n" >>"$plan"; done; }
requires() { for n; do printf '[[%srequires]]\nname = "%s"\n' "$s" "$n" >>"$plan"; done; }
layer() { l=$1; shift; mkdir -p "$layers/$l"; types "$l" "$@"; }
types() { l=$1; shift; echo '[types]' >"$layers/$l.toml"; for t; do echo "$t = true" >>"$layers/$l.toml"; done; }
put() { mkdir -p "$(dirname "$layers/$1")"; printf "$2" >"$layers/$1"; }
program() { put "$1" "#!/bin/sh\n$2\n"; chmod +x "$layers/$1"; }
launch() { cat >>"$layers/launch.toml"; }
`

const (
	detectPrelude = prelude + "plan=$2\n"
	// buildPrelude records what the buildpack sees.
	buildPrelude = prelude + `layers=$1 plan=$3
mkdir -p record
env | sort >record/$id.env
cp "$plan" record/$id.plan
cp -r "$layers" record/$id.found
`
)

// readCorpus reads the cases of testdata/corpus.
func readCorpus(t testing.TB) (cases []corpusCase) {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		_, text, _ := strings.Cut("\n"+testkit.Read(t, file), "\n=== ")
		for part := range strings.SplitSeq(text, "\n=== ") {
			cases = append(cases, readCase(t, part))
		}
	}
	return cases
}

func readCase(t testing.TB, text string) corpusCase {
	t.Helper()
	name, text, _ := strings.Cut(text, "\n")
	archive := txtar.Parse([]byte(text))
	c := corpusCase{
		name: name, api: "0.10", files: archive.Files, env: map[string]string{}, differs: map[string]string{},
	}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "order":
			c.order = strings.Split(value, " | ")
		case "env":
			k, v, _ := strings.Cut(value, "=")
			c.env[k] = strings.ReplaceAll(v, `\n`, "\n")
		case "api":
			c.api = value
		case "builds":
			c.twice = value == "2"
		case "launch":
			c.launch = strings.Fields(value)
		case "differs":
			field, why, _ := strings.Cut(value, ": ")
			c.differs[field] = why
		case "":
		default:
			t.Fatalf("%s: no directive is called %q", name, key)
		}
	}
	return c
}

// layOut writes the buildpacks of the case into bps as the lifecycle wants them, ‹id›/1.0, and the app's files.
func (c corpusCase) layOut(t testing.TB, bps, app string) {
	t.Helper()
	extra := map[string]string{}
	names := strings.Fields(strings.ReplaceAll(strings.Join(c.order, " "), "?", ""))
	for _, f := range c.files {
		name, file, _ := strings.Cut(f.Name, "/")
		switch {
		case name == "app":
			testkit.Write(t, filepath.Join(app, file), string(f.Data))
			continue
		case file == "toml":
			extra[name] += string(f.Data)
		case file == "order":
			for group := range strings.SplitSeq(strings.TrimSpace(string(f.Data)), " | ") {
				extra[name] += "\n[[order]]\n" + groupTOML("order.group", group)
			}
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, f := range c.files {
		name, file, _ := strings.Cut(f.Name, "/")
		switch file {
		case "detect":
			program(t, filepath.Join(bps, name, "1.0/bin/detect"), detectPrelude+string(f.Data))
		case "build":
			program(t, filepath.Join(bps, name, "1.0/bin/build"), "id="+name+"\n"+string(f.Data))
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		c.complete(t, filepath.Join(bps, name, "1.0"), name, extra[name])
	}
}

// complete writes what a buildpack lacks.
func (c corpusCase) complete(t testing.TB, dir, name, extra string) {
	t.Helper()
	testkit.Write(t, filepath.Join(dir, "buildpack.toml"),
		fmt.Sprintf("api = %q\n[buildpack]\nid = %q\nversion = \"1.0\"\n%s", c.api, name, extra))
	if strings.Contains(extra, "[[order]]") {
		return
	}
	for file, text := range map[string]string{"bin/detect": detectPrelude, "bin/build": "id=" + name + "\n"} {
		if !testkit.Exists(dir, file) && !strings.Contains(extra, "# without "+file) {
			program(t, filepath.Join(dir, file), text)
		}
	}
}

// program writes a program. One that starts with id= is a bin/build.
func program(t testing.TB, file, text string) {
	t.Helper()
	if strings.HasPrefix(text, "id=") {
		id, rest, _ := strings.Cut(text, "\n")
		text = strings.Replace(buildPrelude, "layers=$1", id+" layers=$1", 1) + rest
	}
	testkit.Write(t, file, text)
	if err := os.Chmod(file, 0o755); err != nil {
		t.Fatal(err)
	}
}

// groupTOML writes a group such as "a b?" as tables of that name.
func groupTOML(table, group string) (text string) {
	for name := range strings.FieldsSeq(group) {
		id, optional := strings.CutSuffix(name, "?")
		text += fmt.Sprintf("[[%s]]\nid = %q\nversion = \"1.0\"\noptional = %t\n", table, id, optional)
	}
	return text
}

var show = flag.Bool("show", false, "show what the real lifecycle does")

// TestAgainstLifecycle holds that slugc does with the buildpacks of the corpus what the real lifecycle does. What
// differs is listed in the case, with the reason, and must differ.
func TestAgainstLifecycle(t *testing.T) {
	t.Parallel()
	cases := readCorpus(t)
	if len(cases) < 60 {
		t.Errorf("the corpus has %d cases", len(cases))
	}
	real := findLifecycle(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var want, got map[string]any
			var log string
			if c.twice {
				theirs := real.rebuild(t, c)
				want, got, log = theirs.fields(), c.rebuild(t).fields(), theirs.log
			} else {
				theirs := real.outcome(t, c)
				want, got, log = theirs.fields(), c.outcome(t).fields(), theirs.log
			}
			if *show {
				t.Logf("%+v", want)
			}
			for field, why := range c.differs {
				if cmp.Equal(want[field], got[field]) {
					t.Errorf("%s no longer differs (%s)", field, why)
				}
				delete(want, field)
				delete(got, field)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("slugc (+) differs from the lifecycle (-):\n%s\n%s", diff, log)
			}
		})
	}
}
