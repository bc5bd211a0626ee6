package classic_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/classic"
	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
)

// outcome is how a buildpack's programs must fail.
type outcome struct {
	scripts  map[string]string
	code     int
	id, text string
}

func (o outcome) check(t *testing.T) {
	t.Helper()
	buildpack(t, o.scripts).app(map[string]string{"file": "text"}).fails(o.code, o.id, o.text)
}

// compile is a buildpack with this bin/compile alone.
func compile(script string) map[string]string { return map[string]string{"compile": script} }

// TestFailures holds whose fault it is when bin/compile fails, or cannot be started.
func TestFailures(t *testing.T) {
	t.Parallel()
	const failed, broken, notRunnable = "build/failed", "buildpack/broken-output", "buildpack/not-runnable"
	for name, o := range map[string]outcome{
		"what it said last": {
			compile(`echo fine; printf ' !\n !     \e[31mNo requirements.txt.\e[0m\n !\n' >&2; exit 3`), 51, failed,
			"running bin/compile of buildpack acme: exited with code 3: No requirements.txt.",
		},
		"nothing said": {compile(`exit 1`), 51, failed, "exited with code 1"},
		"controls": {
			compile(`printf 'a\e]0;title\ab\rc\xff\x01d\n'; exit 1`), 51, failed, "exited with code 1: c d",
		},
		"a long line": {compile(`yes | head -c 9999 | tr '\n' y; exit 1`), 51, failed, strings.Repeat("y", 300)},
		"a signal":    {compile(`kill -9 $$`), 51, failed, "ended by signal 9"},
		"its parent":  {compile(`kill -9 $PPID; kill -9 -1; exit 1`), 51, failed, "bin/compile of buildpack acme"},
		"a command":   {compile(`no-such-command`), 51, failed, "exited with code 127"},
		"a full disk": {
			compile(`echo "cp: error writing x: No space left on device" >&2; exit 1`), 75, "disk/full", "",
		},
		"no bin/compile": {nil, 52, notRunnable, "buildpack acme has no bin/compile"},
		"no interpreter": {
			compile("#!/opt/acme/bin/ruby -w\n"), 52, notRunnable,
			`running bin/compile of buildpack acme: its interpreter "/opt/acme/bin/ruby" is not on this machine`,
		},
		"no interpreter for env": {
			compile("#!/usr/bin/env -S A=1 no-such-ruby -w\n"), 52, notRunnable, `"no-such-ruby"`,
		},
		"ends of lines of DOS": {compile("#!/bin/bash\r\necho\r\n"), 52, notRunnable, `"/bin/bash"`},
		"a program of another machine": {
			compile("#!/bin/sh\n\x7fELF\x01\x01\x01"), 51, failed, "bin/compile of buildpack acme",
		},
		"BUILD is gone":     {compile(`rm -rf "$1"`), 52, broken, "no such file or directory"},
		"BUILD is a link":   {compile(`rm -rf "$1"; ln -s / "$1"`), 52, broken, "through a link"},
		"BUILD is a file":   {compile(`rm -rf "$1"; echo > "$1"`), 52, broken, "not a directory"},
		"its own directory": {compile(`rm -rf /buildpacks/*/*`), 52, "buildpack/broke", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "its own directory" {
				o.scripts["release"] = ":"
			}
			o.check(t)
		})
	}
}

// TestNotRunnable tries files that are no programs, and a program that needs no interpreter's line.
func TestNotRunnable(t *testing.T) {
	t.Parallel()
	b := buildpack(t, compile(":"))
	program := filepath.Join(b.Dir, "bin", "compile")
	must(t, os.Remove(program))
	must(t, os.Mkdir(program, 0o755))
	b.fails(52, "buildpack/not-runnable", "bin/compile of buildpack acme is not a file")
	for _, link := range []bool{false, true} {
		b := buildpack(t, nil).app(nil)
		program := filepath.Join(b.Dir, "bin", "compile")
		if link {
			must(t, os.Symlink("../lib/compile.sh", program))
			program = filepath.Join(b.Dir, "lib", "compile.sh")
		}
		testkit.Write(t, program, "[ -L dangling ] && echo plain > \"$1/file\"\n")
		must(t, os.Chmod(program, 0o755))
		if !link {
			must(t, os.Chmod(program, 0o644)) // as many are committed
		}
		must(t, os.Symlink("/no/such", filepath.Join(b.Dir, "dangling")))
		b.compile()
		if got := b.read("file"); got != "plain\n" {
			t.Errorf("a script without an interpreter has made %q", got)
		}
	}
}

// TestDetectFails holds that a bin/detect that says nothing of the app is an error.
func TestDetectFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script, id string
		code       int
	}{
		"no interpreter": {"#!/usr/bin/env no-such-ruby\n", "buildpack/detect-failed", 21},
		"a signal":       {`kill -9 $$`, "buildpack/detect-failed", 21},
		"a limit":        {`sleep 60`, "buildpack/detect-failed", 21},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := buildpack(t, map[string]string{"detect": c.script}).app(nil)
			if name == "a limit" {
				b.Limits.Deadline = shortly
			}
			found, err := classic.Detect(t.Context(), b.Config)
			f := fault.Of(err)
			if err == nil || f.ID != c.id || f.Code != c.code ||
				!strings.Contains(f.Error(), "bin/detect of buildpack acme") {
				t.Errorf("got %+v, %+v", found, f)
			}
		})
	}
	b := buildpack(t, nil).app(nil)
	if _, err := classic.Detect(t.Context(), b.Config); fault.Of(err).Code != fault.ExitDetect {
		t.Errorf("no bin/detect: %v", err)
	}
}

// TestExport holds what "export" changes for later buildpacks.
func TestExport(t *testing.T) {
	t.Parallel()
	none := map[string]string{}
	for name, c := range map[string]struct {
		export string
		want   map[string]string
	}{
		"a variable":         {`export A=1`, map[string]string{"A": "1"}},
		"changed":            {`export PATH="/app/bin:$PATH"`, map[string]string{"PATH": "/app/bin:/usr/bin:/bin"}},
		"not changed":        {`export PATH="$PATH" STACK`, none},
		"not exported":       {`A=1`, none},
		"unset variables":    {`export A="$NO$THING"`, map[string]string{"A": ""}},
		"several lines":      {"export A='1\n2=3\n'", map[string]string{"A": "1\n2=3\n"}},
		"declare":            {`declare -x A="1"`, map[string]string{"A": "1"}},
		"functions":          {`f() { :; }; export -f f`, none},
		"what is each one's": {`export HOME=/ GIT_DIR=x PWD=/ _=a`, none},
		"output":             {`echo A=2; printf '\0\0B=3\0'; export A=1`, map[string]string{"A": "1"}},
		"a failing command":  {`false; export A=1`, map[string]string{"A": "1"}},
		"bash":               {`[[ a == a ]] && export A=${PATH//:*/}`, map[string]string{"A": "/usr/bin"}},
		"an empty file":      {``, none},
		"not a script":       {`if; then`, none},
		"in the background":  {`sleep 60 & export A=1`, map[string]string{"A": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := buildpack(t, compile("cat > export <<'EOF'\n"+c.export+"\nEOF")).app(nil)
			if diff := cmp.Diff(c.want, b.compile().Exported); diff != "" {
				t.Errorf("it exports (-want +got):\n%s", diff)
			}
		})
	}
	for name, o := range map[string]outcome{
		"a directory": {compile(`mkdir export`), 52, "buildpack/broken-output", "it is not a file"},
		"a pipe":      {compile(`mkfifo export`), 52, "buildpack/broken-output", "it is not a file"},
		"a link":      {compile(`ln -s nowhere export`), 52, "buildpack/broken-output", "it is not a file"},
		"it ends": {
			compile(`echo 'echo enough; exit 4' > export`), 52, "buildpack/broken-output", "code 4: enough",
		},
		"too much": {
			compile(`cat > export <<'EOF'
				A=$(head -c 99999 /dev/zero | tr '\0' x); for i in $(seq 12); do export A$i=$A; done
EOF`),
			52, "buildpack/broken-output", "more than 1048576 bytes",
		},
		"too many": {
			compile(`for i in $(seq 1001); do echo export A$i=1; done > export`),
			52, "buildpack/broken-output", "sets 1001 variables",
		},
		"it never ends": {
			compile(`echo 'while :; do :; done' > export`), 51, "build/limit", `sourcing "export" of buildpack acme`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := buildpack(t, o.scripts).app(nil)
			if o.id == "build/limit" {
				b.Limits.Deadline = shortly
			}
			b.fails(o.code, o.id, o.text)
		})
	}
}

// TestReport holds that bin/report runs after a success and after a failure, and never fails a build.
func TestReport(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		report string
		want   map[string]any
	}{
		"json": {
			`echo '{"a": "b", "n": 3, "f": 0.5, "t": true}'`, map[string]any{"a": "b", "n": 3, "f": 0.5, "t": true},
		},
		"yaml": {
			`printf 'packages: "a,b"\nversion: 1.2.3\n'`, map[string]any{"packages": "a,b", "version": "1.2.3"},
		},
		"nested":     {`echo '{"a": {"b": 1}, "l": [1], "n": null, "s": ""}'`, map[string]any{"s": ""}},
		"a date":     {`echo 'at: 2026-01-02'`, map[string]any{"at": "2026-01-02"}},
		"nothing":    {`:`, nil},
		"broken":     {`echo '{'`, nil},
		"a list":     {`echo '[1]'`, nil},
		"failing":    {`echo '{"a": 1}'; exit 1`, nil},
		"too long":   {`echo '{"a": 1}'; head -c 100000 /dev/zero | tr '\0' ' '`, nil},
		"not quiet":  {`echo '{"a": 1}'; echo secret noise >&2`, map[string]any{"a": 1}},
		"no program": {"#!/no/such\n", nil},
		"endless":    {"sleep 60", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, end := range []string{"exit 0", "exit 1"} {
				b := buildpack(t, map[string]string{"compile": end, "report": c.report}).app(nil)
				if name == "endless" {
					b.Limits.Deadline = 5 * time.Second // of bin/compile too
				}
				made, err := classic.Compile(t.Context(), b.Config)
				if (err == nil) != (end == "exit 0") {
					t.Fatalf("after %s: %v", end, err)
				}
				if diff := cmp.Diff(c.want, made.Report); diff != "" {
					t.Errorf("the report after %s (-want +got):\n%s", end, diff)
				}
				if b.out.Contains("secret noise") {
					t.Error("what bin/report says is shown")
				}
			}
		})
	}
}

// TestLimits holds that each limit of the sandbox ends a bin/compile.
func TestLimits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		limits sandbox.Limits
		text   string
	}{
		"endless": {
			`while :; do :; done`, sandbox.Limits{Deadline: shortly}, "bin/compile of buildpack acme: stopped after",
		},
		"silent": {`trap '' TERM; sleep MARKER`, sandbox.Limits{Idle: shortly}, "without output"},
		"flood":  {`yes`, sandbox.Limits{Deadline: shortly, Log: 1000}, "stopped after"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			marker := testkit.Marker()
			b := buildpack(t, compile(strings.ReplaceAll(c.script, "MARKER", marker))).app(nil)
			b.Limits = c.limits
			b.fails(51, "build/limit", c.text)
			testkit.NoProcess(t, marker)
			if n := len(b.out.String()); n > 2000 {
				t.Errorf("%d bytes of output were passed on", n)
			}
		})
	}
}
