package classic_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/compiler/classic"
	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
)

// TestContract holds what a bin/compile finds. Each script checks it, and fails at the first thing that is not so.
func TestContract(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"three arguments":     `[ $# = 3 ]; for dir; do [ -d "$dir" ]; done`,
		"the app":             `[ "$1" = ` + classic.BuildPath("blog") + ` ]; [ "$(ls -A "$1")" = file ]`,
		"a writable app":      `echo x > "$1/file"; mkdir -p "$1/a/b"; rm -r "$1/a"`,
		"no layers":           `[ ! -e "$1/.layers" ]`,
		"a writable cache":    `echo x > "$2/file"`,
		"a read-only ENV_DIR": `no touch "$3/NEW"; no rm "$3/NAME"`,
		"raw values": `[ "$(od -An -c "$3/RAW" | tr -d ' ')" = 'a\n\n"$X"\n' ]
			[ "$(wc -c < "$3/NAME")" = 5 ]`,
		"an empty value": `[ -f "$3/EMPTY" ]; [ ! -s "$3/EMPTY" ]`,
		"names it should refuse": `for name in PATH GIT_DIR LD_PRELOAD CPATH; do [ -f "$3/$name" ]; done
			[ "$PATH" = /usr/bin:/bin ]`,
		"no names that are none":  `[ "$(ls -A "$3" | wc -l)" = 8 ]`,
		"no config variables":     `[ -z "${NAME+set}${RAW+set}${LD_PRELOAD+set}" ]`,
		"the stack":               `[ "$STACK" = debian-12 ]`,
		"the commit":              `[ "$SOURCE_VERSION" = 0c80c93d ]`,
		"a request":               `[[ "$REQUEST_ID" =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]]`,
		"time limits for curl":    `[ "$CURL_CONNECT_TIMEOUT" = 90 ]; [ "$CURL_TIMEOUT" = 7 ]`,
		"nothing of git's":        `no grep ^GIT_ <(env)`,
		"no other variables":      `[ "$(env | sed 's/=.*//' | sort | tr '\n' ' ')" = "` + allowed + `" ]`,
		"tracing":                 `[ "$BUILDPACK_XTRACE" = 1 ]`,
		"a home":                  `[ "$HOME" = /app ]; ln -s "$1/.heroku" /app/.heroku; [ "$(ls -A /app)" = .heroku ]`,
		"its own directory":       `cd "$(dirname "$0")/.."; touch made; [ "$(head -n1 bin/compile)" = '#!/bin/bash' ]`,
		"where it starts":         `[ -f bin/compile ]; [ "$(cd "$(dirname "$0")/.." && pwd)" = "$PWD" ]`,
		"a temporary directory":   `f=$(mktemp); ln "$f" "$1/hard"; ls /tmp/tmp.*; [ "$(ls -A /tmp | wc -l)" = 2 ]`,
		"no paths of the host":    `no grep -F "` + os.TempDir() + `/Test" <(env; mount | sed 's/.* on //')`,
		"a umask":                 `[ "$(umask)" = 0022 ]`,
		"an empty standard input": `[ -z "$(cat)" ]`,
		"no terminal":             `no sh -c ': < /dev/tty'`,
		"no network":              `no bash -c ': < /dev/tcp/192.0.2.1/80'`,
		"a directory to replace":  `mv "$1" /tmp/old; mkdir "$1"; mv /tmp/old/file "$1"; rmdir /tmp/old`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := buildpack(t, map[string]string{"compile": "no() { if \"$@\"; then return 1; fi; }\n" + script})
			b.app(map[string]string{"file": "text\n"})
			b.SourceVersion, b.Network = "0c80c93d", false
			b.Env = map[string]string{
				"PATH": "/usr/bin:/bin", "GIT_DIR": ".", "GIT_SSH_COMMAND": "false", "CURL_TIMEOUT": "7",
				"STACK": "other",
			}
			b.Vars = map[string]string{
				"NAME": "value", "RAW": "a\n\n\"$X\"\n", "EMPTY": "", "PATH": "/evil",
				"GIT_DIR": "x", "LD_PRELOAD": "y", "CPATH": "z",
				"BUILDPACK_XTRACE": "1", "../up": "", "a/b": "", "": "", "with space": "",
			}
			b.compile()
			if testkit.Exists(b.Dir, "made") || testkit.Exists(b.AppDir, ".heroku") {
				t.Error("the buildpack has changed what is not its own")
			}
		})
	}
}

// allowed are all variables of a bin/compile, those of its shell included.
const allowed = "BUILDPACK_XTRACE CURL_CONNECT_TIMEOUT CURL_TIMEOUT " +
	"HOME PATH PWD REQUEST_ID SHLVL SOURCE_VERSION STACK _ "

// TestDetect holds what becomes of what bin/detect says.
func TestDetect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		want   classic.Detected
	}{
		"a name":  {`[ $# = 1 ]; echo Ruby`, classic.Detected{Pass: true, Name: "Ruby"}},
		"no name": {`:`, classic.Detected{Pass: true, Name: "acme"}},
		"the first line": {
			`printf '\n \e[32mRuby\e[0m/Rails \n'; echo more`, classic.Detected{Pass: true, Name: "Ruby/Rails"},
		},
		"controls": {`printf 'a\rb\0c\xe2\x80\xaed'`, classic.Detected{Pass: true, Name: "a b cd"}},
		"a long name": {
			`yes ruby | head -c 100000 | tr '\n' x`, classic.Detected{Pass: true, Name: strings.Repeat("rubyx", 16)},
		},
		"a flood":            {`head -c 100000000 /dev/zero; echo Ruby`, classic.Detected{Pass: true, Name: "acme"}},
		"no match":           {`exit 1`, classic.Detected{}},
		"another code":       {`exit 100`, classic.Detected{}},
		"no command":         {`exec "$1/bin/detect" 2>/dev/null`, classic.Detected{}},
		"a reason":           {`echo "no Gemfile" >&2; exit 1`, classic.Detected{Output: "no Gemfile"}},
		"a reason on stdout": {`echo "no Gemfile"; exit 1`, classic.Detected{Output: "no Gemfile"}},
		"the app's files":    {`cat "$1/file"`, classic.Detected{Pass: true, Name: "text"}},
		"a read-only app":    {`touch "$1/new" 2>/dev/null && echo written`, classic.Detected{}},
		"no cache":           {`[ ! -e /cache ]`, classic.Detected{Pass: true, Name: "acme"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := buildpack(t, map[string]string{"detect": c.script}).app(map[string]string{"file": "text\n"})
			if got, err := classic.Detect(t.Context(), b.Config); err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

// TestSeveral runs two buildpacks, of which the first leaves something to the second, over two builds.
func TestSeveral(t *testing.T) {
	t.Parallel()
	first := buildpack(t, map[string]string{
		"detect": `touch ../seen 2>/dev/null || touch seen`,
		"compile": `[ -f seen ]; [ ! -f "$1/second" ]; mkdir -p "$1/.heroku/bin" lib
			echo 'echo tool' > "$1/.heroku/bin/tool"
			chmod +x "$1/.heroku/bin/tool"; ln -s "$1/.heroku" /app/.heroku; echo 1 >> "$2/builds"; echo lib > lib/text
			echo 'unset NONE; if [ -z $UNSET ]; then export PATH=/app/.heroku/bin:$PATH LIB='"$PWD"'/lib; fi' > export`,
		"release": `set +u; . ./export; [ "$(tool)" = tool ]; echo 'default_process_types: {web: first}'`,
		"report":  `[ -f seen ]; [ -f export ]; [ $# = 3 ]; echo "builds: $(wc -l < "$2/builds")"`,
	})
	second := buildpack(t, map[string]string{
		"compile": `[ ! -e "$2/builds" ]; tool > "$1/second"; cat "$LIB/text" >> "$1/second"
			if touch "$LIB/new"; then exit 9; fi`,
	})
	second.ID, second.AppDir, second.Home = "other", first.AppDir, filepath.Join(t.TempDir(), "home")
	second.Cache, first.Home = filepath.Join(t.TempDir(), "cache"), second.Home
	testkit.Write(t, filepath.Join(second.Cache, "mine"), "")
	for build := 1; build <= 2; build++ {
		if _, err := classic.Detect(t.Context(), first.Config); err != nil {
			t.Fatal(err)
		}
		made := first.compile()
		if made.Report["builds"] != build {
			t.Errorf("the report of build %d is %v", build, made.Report)
		}
		second.Env, second.Binds = map[string]string{
			"PATH": made.Exported["PATH"],
			"LIB":  made.Exported["LIB"],
		}, []sandbox.Bind{made.Own}
		second.compile()
		if got := first.read("second"); got != "tool\nlib\n" {
			t.Errorf("the second buildpack has made %q", got)
		}
		for _, dir := range []string{first.Work, second.Work, first.Home} {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{".heroku", "second"} {
			if err := os.RemoveAll(filepath.Join(first.AppDir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestUnmounted runs a buildpack where the sandbox cannot mount.
func TestUnmounted(t *testing.T) {
	t.Parallel()
	for _, level := range []sandbox.Level{sandbox.Landlock, sandbox.None} {
		b := buildpack(t, map[string]string{
			"detect": `[ -f "$1/file" ]; echo Relocatable`,
			"compile": `[ "$(cat "$1/file")" = text ]; [ -d "$HOME" ]; touch "$HOME/x" "$(mktemp)"; echo y > "$2/z"
				cat "$3/NAME"
				mkdir -p "$1/vendor/big"; head -c 2000000 /dev/zero > "$1/vendor/big/data"
				echo "export AT=$1" > export`,
			"release": `[ -f "$1/vendor/big/data" ]; echo 'default_process_types: {web: run}'`,
		}).app(map[string]string{"file": "text"})
		b.Sandbox, b.Vars = at(t, level), map[string]string{"NAME": "value"}
		if found, err := classic.Detect(t.Context(), b.Config); err != nil || found.Name != "Relocatable" {
			t.Errorf("%s: bin/detect: %+v, %v", level, found, err)
		}
		made := b.compile()
		if made.Exported["AT"] != b.AppDir || len(made.Slices) != 1 || len(made.Processes) != 1 ||
			!b.out.Contains("value") {
			t.Errorf("%s: got %+v\n%s", level, made, b.out)
		}
	}
}

// TestTests holds that a build does not run what tests apps.
func TestTests(t *testing.T) {
	t.Parallel()
	b := buildpack(t, map[string]string{
		"compile": `:`, "test": `touch "$1/tested"`, "test-compile": `touch "$1/tested"`,
	}).app(nil)
	b.compile()
	if testkit.Exists(b.AppDir, "tested") {
		t.Error("the tests have run in a build")
	}
}

// TestInterrupted ends a build while bin/compile runs.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	b := buildpack(t, map[string]string{
		"compile": `echo started; sleep 60`, "report": `touch "$1/reported"`,
	}).app(map[string]string{"file": "text"})
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	go func() {
		testkit.Eventually(t, "bin/compile", func() bool { return b.out.Contains("started") })
		cancel(stop)
	}()
	start := time.Now()
	if _, err := classic.Compile(ctx, b.Config); !errors.Is(err, stop) || time.Since(start) > 50*time.Second {
		t.Errorf("got %v, %v", err, fault.Of(err))
	}
	if got := b.read("file"); got != "text" || testkit.Exists(b.AppDir, "reported") {
		t.Errorf("the app is not as it was: %q", got)
	}
}

// TestSlices holds which directories that bin/compile makes are looked at for slices.
func TestSlices(t *testing.T) {
	t.Parallel()
	b := buildpack(t, compile(`cd "$1"
		big() { mkdir -p "$(dirname "$1")"; head -c 1100000 /dev/zero > "$1"; }
		big .heroku/python/bin/python; big .profile.d/big.sh; big .git/objects/pack; big source/more
		big vendor/bundle/gem
		mkdir elsewhere; mv vendor/bundle elsewhere/real; ln -s ../elsewhere/real vendor/bundle
		mkdir sparse; truncate -s 1G sparse/file; mkfifo sparse/pipe`)).app(map[string]string{"source/file": "text"})
	if got := strings.Join(b.compile().Slices, " "); got != ".heroku/python elsewhere/real sparse" {
		t.Errorf("the slices are %q", got)
	}
}
