package lifecycle_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/classic"
	"slugc/compiler/lifecycle"
	"slugc/compiler/procfile"
)

// mixed are a classic buildpack between two of the other kind.
const mixed = `
-- before/bin/build --
mkdir -p "$1/tool/bin"
printf '#!/bin/sh\necho "tool $*"\n' >"$1/tool/bin/tool"
chmod +x "$1/tool/bin/tool"
printf '[types]\nbuild = true\n' >"$1/tool.toml"
-- classic/bin/detect --
[ -e "$1/main.cbl" ] && echo COBOL
-- classic/bin/compile --
tool "$STACK" >"$1/classic.out"
echo x >>"$2/builds"
cat "$2/builds"
mkdir -p "$1/bin"
mkdir -p "$1/lib/cobol"
head -c 2000000 /dev/zero >"$1/lib/cobol/data"
echo own >own
echo "export COBOL_HOME=$1/bin PATH=$1/bin:\$PATH OWN=$PWD/own" >"$(dirname "$0")/../export"
-- classic/bin/release --
printf 'addons: [cobol-db]\nconfig_vars: {COBOL_ENV: production}\ndefault_process_types: {web: "cobol run", old: x}\n'
-- after/bin/build --
echo "$COBOL_HOME $PATH" >after.out
cat "$OWN" >>after.out
printf '[[processes]]\ntype = "web"\ncommand = ["after"]\n' >"$1/launch.toml"
-- last/bin/detect --
-- last/bin/compile --
cat "$OWN"
mkdir "$1/lib/cobol/more"
head -c 2000000 /dev/zero >"$1/lib/cobol/more/data"
echo "$COBOL_HOME" >"$1/last.out"
-- last/bin/release --
printf 'default_process_types: {clock: tick}\n'
`

// TestClassicMember runs classic buildpacks among others: each uses what those before have made.
func TestClassicMember(t *testing.T) {
	t.Parallel()
	m := newMachine(t, mixed)
	m.stack = "debian-12"
	result, err := m.build("before", "classic", "after", "last")
	if err != nil {
		t.Fatalf("%v\n%s", err, m.output)
	}
	for file, want := range map[string]string{
		"classic.out": "tool debian-12\n", "last.out": classic.BuildPath("") + "/bin\n",
		"after.out": "/app/bin /app/bin:/app/.layers/acme_before/tool/bin:/usr/bin:/bin\nown\n",
	} {
		if got := testkit.Read(t, filepath.Join(m.app, file)); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	want := []procfile.Process{{Type: "web", Command: "after"}, {Type: "clock", Command: "tick"}}
	if diff := cmp.Diff(want, result.Processes); diff != "" || len(result.Addons) > 0 {
		t.Errorf("%v\n%s", result.Addons, diff)
	}
	if len(result.Slices) != 1 || result.Slices[0].Path != "lib/cobol" {
		t.Errorf("the slices are %+v", result.Slices)
	}
}

// TestClassicCache holds that a classic buildpack's cache directory is kept, as long as the stack is the same.
func TestClassicCache(t *testing.T) {
	t.Parallel()
	m := newMachine(t, mixed)
	m.stack = "debian-12"
	var result *lifecycle.Result
	build := func(want string) {
		t.Helper()
		m.output = &testkit.Buffer{}
		var err error
		if result, err = m.build("before", "classic"); err != nil || m.output.String() != want {
			t.Fatalf("%v, output %q, want %q", err, m.output, want)
		}
	}
	build("x\n")
	build("x\nx\n")
	if s := result.States[1]; s.Layer != "classic:cache" || s.State != "restored" {
		t.Errorf("%+v", result.States)
	}
	m.stack = "debian-13"
	build("The stack changed from debian-12 to debian-13: the cache is empty\nx\n")
	if !strings.Contains(result.Profile, `[ -n "${COBOL_ENV:-}" ] || export COBOL_ENV='production'`) {
		t.Errorf("the config var is not in the profile:\n%s", result.Profile)
	}
	if diff := cmp.Diff([]string{"cobol-db"}, result.Addons); diff != "" {
		t.Error(diff)
	}
}
