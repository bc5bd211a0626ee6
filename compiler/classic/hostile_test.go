package classic_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

// TestHostile holds that a buildpack that tries to reach what is not its own, or to trick slugc, does not succeed,
// and that what it may do anyway does no harm.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"writes outside": `for f in /usr/bin/x /etc/passwd /etc/apt/sources.list /proc/sysrq-trigger
			do (echo x >> $f) 2>/dev/null && echo REACHED; done; true`,
		"secrets of the host": `cat /etc/shadow /root/.* /etc/apt/auth.conf* /home/*/.ssh/* | grep . && echo REACHED
			true`,
		"the layers of others": `ls -R /tmp /cache /app /env /buildpacks | grep -F secret.layer && echo REACHED; true`,
		"layers of its own":    `mkdir "$1/.layers"; echo x > "$1/.layers/acme.toml"`,
		"what it makes of ENV": `rm -rf "$3" || ls "$3" >/dev/null`,
		"files without permission": `mkdir -p "$1/deep/deeper"; echo x > "$1/deep/deeper/file"
			chmod 0 "$1/deep/deeper/file"
			chmod 500 "$1/deep/deeper" "$1/deep"`,
		"links": `ln -s /etc/passwd "$1/passwd"; ln -s .. "$1/up"; ln -s loop "$1/loop"
			rm "$1/file"; ln -s /dev/zero "$1/file"`,
		"pipes":                `mkfifo "$1/pipe" "$2/pipe" pipe; rm bin/compile; mkfifo bin/compile`,
		"names":                `touch "$1/"$'\n' "$1/"$'\xff' "$1/-rf" "$1/*"`,
		"a file of a terabyte": `truncate -s 1T "$1/huge"`,
		"background children": `setsid sleep MARKER >/dev/null & (setsid nohup sleep MARKER &) >/dev/null
			sleep 0.1`,
		"a cache that is gone": `rm -rf "$2" || true`,
		"its own programs":     `rm -rf bin lib; ln -s / bin`,
		"a home":               `rm -rf /app/* ; ln -s / /app/root; mkfifo /app/.profile`,
		"the temporary directory": `cd /tmp; mv "$1" elsewhere; mkdir "$1"; mv elsewhere/* "$1"; ln -s / root
			mkdir -m 0 closed`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			marker := testkit.Marker()
			b := buildpack(t, compile(strings.ReplaceAll(script, "MARKER", marker))).app(map[string]string{
				"file": "text", ".layers/other/secret.layer": "x",
			})
			b.Vars = map[string]string{"NAME": "value"}
			b.compile()
			if b.out.Contains("REACHED") {
				t.Errorf("it has reached what is not its own:\n%s", b.out)
			}
			testkit.NoProcess(t, marker)
			if got := b.read(".layers/other/secret.layer"); got != "x" ||
				testkit.Exists(b.AppDir, ".layers", "acme.toml") {
				t.Error("the layers are not as they were")
			}
		})
	}
}

// TestHostileCache runs a build whose cache the last one has filled with what could trick slugc, and one whose way to
// the cache an earlier buildpack has made a link.
func TestHostileCache(t *testing.T) {
	t.Parallel()
	b := buildpack(
		t,
		compile(`[ -p "$2/pipe" ] || { mkfifo "$2/pipe"; ln -s /etc/passwd "$2/link"; ln -s / "$2/root"; }`),
	).app(nil)
	b.compile()
	b.Work = filepath.Join(t.TempDir(), "work")
	b.compile()

	outside := t.TempDir()
	layers := filepath.Dir(b.Cache)
	must(t, os.RemoveAll(layers))
	must(t, os.Symlink(outside, layers))
	must(t, os.Mkdir(filepath.Join(outside, "cache"), 0o755))
	b.Work = filepath.Join(t.TempDir(), "work")
	b.fails(52, "buildpack/broken-output", "opening the cache directory: it is reached through a link")
	must(t, os.Remove(layers))
	must(t, os.Mkdir(layers, 0o755))
	must(t, os.Symlink(outside, b.Cache))
	b.Work = filepath.Join(t.TempDir(), "work")
	b.fails(52, "buildpack/broken-output", "opening the cache directory: it is reached through a link")
	if testkit.Exists(outside, "cache", "pipe") || testkit.Exists(outside, "pipe") {
		t.Error("the buildpack has written through the link")
	}
}

// TestReplacedUnmounted replaces the app's directory where no sandbox keeps a buildpack from it.
func TestReplacedUnmounted(t *testing.T) {
	t.Parallel()
	b := buildpack(t, compile(`mv "$1" "$1.old"; ln -s / "$1"`)).app(map[string]string{"file": "text"})
	b.Sandbox = at(t, sandbox.None)
	b.fails(52, "buildpack/broken-output", "")
}
