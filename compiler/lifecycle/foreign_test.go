package lifecycle_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
)

// twoForeign are two buildpacks: the second uses what the first provides.
const twoForeign = `
-- one/bin/detect --
[ -e main.cbl ]
if echo x 2>/dev/null >main.cbl; then exit 3; fi
env | sort | sed "s#/home/slugc#HOME#" >&2
cat >"$2" <<END
[[provides]]
name = "cobol"
END
cmp "$2" "$CNB_BUILD_PLAN_PATH"
-- one/bin/build --
mkdir -p "$1/tool/bin" "$1/tool/env"
printf '#!/bin/sh\necho compiled' >"$1/tool/bin/cobc"
chmod +x "$1/tool/bin/cobc"
echo "$1" >"$1/tool/env/COBOL_HOME"
printf '[types]\nbuild = true\nlaunch = true\n' >"$1/tool.toml"
grep -q cobol "$3"
-- two/bin/detect --
cat >"$2" <<END
[[requires]]
name = "cobol"
END
-- two/bin/build --
cobc >/workspace/out
[ -e main.cbl ]
[ -e /layers/acme_one/tool/bin/cobc ]
[ ! -e /toolchains ]
env | sort >out.env
printf '[[processes]]\ntype = "web"\ncommand = ["cobc"]\ndefault = true\n' >"$1/launch.toml"
`

// TestForeign runs two buildpacks of others: the second sees what the first provides, and neither what is not
// its business.
func TestForeign(t *testing.T) {
	t.Parallel()
	m := newMachine(t, twoForeign)
	m.env = map[string]string{"LEVEL": "3\n", "PATH": "/mine"}
	result, err := m.build("one", "two")
	if err != nil {
		t.Fatalf("%v\n%s", err, m.output)
	}
	if got := testkit.Read(t, filepath.Join(m.app, "out")); got != "compiled\n" {
		t.Errorf("the second buildpack wrote %q", got)
	}
	want := `CNB_BP_PLAN_PATH=/plan/plan.toml
CNB_BUILDPACK_DIR=/cnb/buildpacks/acme_two/1.0
CNB_LAYERS_DIR=/app/.layers/acme_two
CNB_PLATFORM_DIR=/platform
CNB_TARGET_ARCH=amd64
CNB_TARGET_DISTRO_NAME=debian
CNB_TARGET_DISTRO_VERSION=12
CNB_TARGET_OS=linux
COBOL_HOME=/app/.layers/acme_one

HOME=/home/slugc
HTTP_PROXY=http://proxy
LEVEL=3

PATH=/mine:/app/.layers/acme_one/tool/bin:/usr/bin:/bin
PWD=/app
`
	got := strings.Split(testkit.Read(t, filepath.Join(m.app, "out.env")), "\n")
	if diff := cmp.Diff(strings.Split(strings.ReplaceAll(want, "\n\n", "\n"), "\n"), withoutEmpty(got)); diff != "" {
		t.Error(diff)
	}
	if len(result.Processes) != 1 || len(result.Layers) != 1 {
		t.Errorf("%+v", result)
	}
}

func withoutEmpty(lines []string) (kept []string) {
	for i, l := range lines {
		if l != "" || i == len(lines)-1 {
			kept = append(kept, l)
		}
	}
	return kept
}

// TestDetectEnds holds what a detection's end means, and the exit code of an order of which no group passes.
func TestDetectEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		detect, id string
		code       int
		text       string
	}{
		"declines": {"exit 100", "detect/no-match", 20, "choosing buildpacks: acme/bp@1.0 declines the app"},
		"fails": {"echo oops; exit 7", "buildpack/detect-failed", 21,
			"running bin/detect of buildpack acme/bp: exited with code 7: oops"},
		"a broken plan": {`echo = >"$2"`, "buildpack/detect-failed", 21, "reading its build plan"},
		"no plan":       {`rm "$2"`, "buildpack/detect-failed", 21, "no such file"},
		"a link":        {`ln -sf /etc/passwd "$2"`, "buildpack/detect-failed", 21, "a link"},
		"an old version": {`printf '[[requires]]\nname = "x"\nversion = "1"\n' >"$2"`, "buildpack/detect-failed", 21,
			`it requires "x" with a key version`},
		"no interpreter": {"", "buildpack/detect-failed", 21, `its interpreter "/no/such/ruby" is not on this machine`},
		"unmet": {`printf '[[requires]]\nname = "x"\n' >"$2"`, "detect/no-match", 20,
			`acme/bp@1.0 requires "x", which no buildpack before it provides`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "-- bp/bin/detect --\n"+test.detect)
			if test.detect == "" {
				testkit.Write(t, filepath.Join(m.bps, "bp/bin/detect"), "#!/no/such/ruby\n")
			}
			_, err := m.choose("bp")
			if f := fault.Of(err); err == nil || f.ID != test.id || f.Code != test.code ||
				!strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestForeignFails holds whose fault a buildpack is that fails, and that it needs the mounts.
func TestForeignFails(t *testing.T) {
	t.Parallel()
	_, err := newMachine(t, "-- bp/bin/build --\necho no main\nexit 4").build("bp")
	if f := fault.Of(err); err == nil || f.ID != "build/failed" || f.Code != fault.ExitBuild ||
		err.Error() != "running bin/build of buildpack acme/bp: exited with code 4: no main" {
		t.Errorf("got %v", err)
	}
	m := newMachine(t, "-- bp/bin/build --\n")
	if m.box, err = sandbox.Probe(t.Context(), sandbox.ProbeOptions{Want: sandbox.None}); err != nil {
		t.Fatal(err)
	}
	_, err = m.choose("bp")
	if f := fault.Of(err); err == nil || f.ID != "buildpack/needs-mounts" || f.Code != fault.ExitDetect {
		t.Errorf("got %v", err)
	}
}

// TestTarget holds what is said of a buildpack for another machine.
func TestTarget(t *testing.T) {
	t.Parallel()
	m := newMachine(t, `
-- bp/buildpack.toml --
api = "0.10"
[buildpack]
id = "acme/bp"
version = "1"
[[targets]]
os = "linux"
arch = "s390x"
[[targets.distros]]
name = "debian"
version = "11"
[[targets.distros]]
name = "ubuntu"
`)
	_, err := m.choose("bp")
	want := "loading buildpack acme/bp: buildpack.toml: it is for another target: " +
		"linux/s390x debian 11 or ubuntu; this is linux/amd64 debian 12"
	if f := fault.Of(err); err == nil || f.ID != "buildpack/target" || f.Code != 21 || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// TestDetectHangs holds that a detection that does not end, or does not stop writing, ends.
func TestDetectHangs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ detect, text string }{
		"sleeps":   {"sleep 1000 & sleep 1000", "running bin/detect of buildpack acme/bp: stopped after 100ms"},
		"writes":   {"yes", "stopped after 100ms"},
		"fills up": {`dd if=/dev/zero of="$2" bs=1M 2>/dev/null; sleep 1000`, "bin/detect of buildpack acme/bp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "-- bp/bin/detect --\n"+test.detect)
			m.deadline = 100 * time.Millisecond
			choice, err := m.choose("bp")
			f := fault.Of(err)
			if err == nil || f.Code != 21 && f.Code != 75 || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v", err)
			}
			if size := len(choice.Verdicts[0].Output); size > 32<<10 {
				t.Errorf("%d bytes of its output are kept", size)
			}
		})
	}
}

// TestBindings holds that buildpacks of others see service bindings, which they cannot change.
func TestBindings(t *testing.T) {
	t.Parallel()
	m := newMachine(t, `
-- bp/bin/detect --
grep -q secret "$SERVICE_BINDING_ROOT/db/password"
-- bp/bin/build --
cat "$CNB_PLATFORM_DIR/bindings/db/password" >out
if echo x >"$SERVICE_BINDING_ROOT/db/password"; then exit 1; fi
`)
	m.binding = map[string]string{"db": testkit.Tree(t, t.TempDir(), map[string]string{"password": "secret"})}
	if _, err := m.build("bp"); err != nil || testkit.Read(t, filepath.Join(m.app, "out")) != "secret" {
		t.Errorf("%v\n%s", err, m.output)
	}
}

// TestExecutionEnvironment holds what API 0.12 adds, which the lifecycle of the corpus does not speak.
func TestExecutionEnvironment(t *testing.T) {
	t.Parallel()
	m := newMachine(t, `
-- bp/buildpack.toml --
api = "0.12"
[buildpack]
id = "acme/bp"
version = "1"
-- bp/bin/build --
[ "$CNB_EXEC_ENV" = production ]
cat >"$1/launch.toml" <<END
[[processes]]
type = "all"
command = ["x"]
[[processes]]
type = "any"
command = ["x"]
exec-env = ["*"]
[[processes]]
type = "ours"
command = ["x"]
exec-env = ["test", "production"]
[[processes]]
type = "test"
command = ["x"]
exec-env = ["test"]
END
`)
	result, err := m.build("bp")
	if err != nil {
		t.Fatalf("%v\n%s", err, m.output)
	}
	var types []string
	for _, p := range result.Processes {
		types = append(types, p.Type)
	}
	if diff := cmp.Diff([]string{"all", "any", "ours"}, types); diff != "" {
		t.Error(diff)
	}
}

// TestSlicePatterns holds which files the slices of a buildpack have.
func TestSlicePatterns(t *testing.T) {
	t.Parallel()
	m := newMachine(t, `
-- app/lib/a.jar --
-- app/lib/b.jar --
-- app/lib/deep/c.jar --
-- app/classes/A.class --
-- bp/bin/build --
ln -s /etc link
cat >"$1/launch.toml" <<'END'
[[slices]]
paths = ["lib/a.*", "lib/a.jar", "../etc/*", "/etc/passwd", "link/*", ".layers/*"]
[[slices]]
paths = ["lib/*.jar"]
[[slices]]
paths = ["none/*"]
[[slices]]
paths = ["classes", "lib"]
END
`)
	result, err := m.build("bp")
	if err != nil {
		t.Fatalf("%v\n%s", err, m.output)
	}
	var got []string
	for _, s := range result.Slices {
		got = append(got, s.Path+": "+strings.Join(s.Paths, " "))
	}
	want := []string{"acme/bp#1: lib/a.jar", "acme/bp#2: lib/b.jar", "acme/bp#4: classes lib"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestForeignKeepsOff holds that a buildpack of others changes nothing of another one's layers, which that finds again
// in the next build.
func TestForeignKeepsOff(t *testing.T) {
	t.Parallel()
	m := newMachine(t, `
-- one/bin/build --
mkdir -p "$1/tool"
echo good >"$1/tool/file"
printf '[types]\ncache = true\n' >"$1/tool.toml"
-- two/bin/build --
for layers in /app/.layers /workspace/.layers /layers; do
	for attack in "echo bad >$layers/acme_one/tool/file" "rm $layers/acme_one/tool.toml" "mkdir $layers/acme_three" \
		"mv $layers/acme_one /app/one" "mv $layers /app/old" "ln -s / $layers/acme_four" \
		"ln $layers/acme_one/tool/file /app/linked"; do
		if sh -c "$attack" 2>/dev/null; then echo "succeeded: $attack"; exit 1; fi
	done
done
for layers in /app/.layers /workspace/.layers /layers; do echo mine >>$layers/acme_two/own; done
`)
	if _, err := m.build("one", "two"); err != nil {
		t.Fatalf("%v\n%s", err, m.output)
	}
	if got := testkit.Read(t, filepath.Join(m.app, ".layers", "acme_one", "tool", "file")); got != "good\n" {
		t.Errorf("the first buildpack's layer holds %q", got)
	}
	if got := testkit.Read(t, filepath.Join(m.app, ".layers", "acme_two", "own")); got != "mine\nmine\nmine\n" {
		t.Errorf("the second buildpack's layers directory holds %q\n%s", got, m.output)
	}
}
