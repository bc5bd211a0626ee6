package lifecycle

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
)

func TestEnvironmentRules(t *testing.T) {
	t.Parallel()
	type vars = map[string]string
	for name, test := range map[string]struct{ files, start, want vars }{
		"override by suffix and without": {
			vars{"env/A.override": "1", "env/B": "2"}, vars{"A": "0", "B": "0"}, vars{"A": "1", "B": "2"},
		},
		"default applies to unset":  {vars{"env/A.default": "1"}, vars{}, vars{"A": "1"}},
		"default applies to empty":  {vars{"env/A.default": "1"}, vars{"A": ""}, vars{"A": "1"}},
		"default leaves a value":    {vars{"env/A.default": "1"}, vars{"A": "0"}, vars{"A": "0"}},
		"append without delimiter":  {vars{"env/A.append": "b"}, vars{"A": "a"}, vars{"A": "ab"}},
		"prepend with delimiter":    {vars{"env/A.prepend": "b", "env/A.delim": ":"}, vars{"A": "a"}, vars{"A": "b:a"}},
		"prepend to nothing":        {vars{"env/A.prepend": "b", "env/A.delim": ":"}, vars{}, vars{"A": "b"}},
		"trailing newline stays":    {vars{"env/A": "x\n"}, vars{}, vars{"A": "x\n"}},
		"unknown suffix is ignored": {vars{"env/A.bogus": "x"}, vars{}, vars{}},
		"env.build counts, env.launch does not": {
			vars{"env.build/A": "b", "env.launch/A": "l"}, vars{}, vars{"A": "b"},
		},
		"path directories go in front": {
			vars{"bin/x": "", "lib/x": "", "include/x": "", "pkgconfig/x": ""},
			vars{"PATH": "/bin"},
			vars{
				"PATH":            "/L/bin:/bin",
				"LD_LIBRARY_PATH": "/L/lib",
				"LIBRARY_PATH":    "/L/lib",
				"CPATH":           "/L/include",
				"PKG_CONFIG_PATH": "/L/pkgconfig",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			changes, err := buildChanges(opened(t, testkit.Tree(t, t.TempDir(), test.files)), Runtime{}, "/L")
			if err != nil {
				t.Fatal(err)
			}
			apply(test.start, changes)
			if diff := cmp.Diff(test.want, test.start); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadEnvRefuses(t *testing.T) {
	t.Parallel()
	outside := testkit.Tree(t, t.TempDir(), map[string]string{"SECRET": "x"})
	for name, prepare := range map[string]func(dir string) error{
		"a bad name": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "env", "A-B"), nil, 0o644)
		},
		"a NUL": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "env", "A"), []byte{0}, 0o644)
		},
		"a link to the host": func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "env.build")) },
		"a large file": func(dir string) error {
			return os.Truncate(filepath.Join(dir, "env", "BIG"), maxFile+1)
		},
	} {
		dir := testkit.Tree(t, t.TempDir(), map[string]string{"env/BIG": ""})
		if err := prepare(dir); err != nil {
			t.Fatal(err)
		}
		if changes, err := buildChanges(opened(t, dir), Runtime{}, "/L"); err == nil {
			t.Errorf("%s: read as %v", name, changes)
		}
	}
}

// sourced returns the environment after a POSIX shell has sourced a profile.
func sourced(t testing.TB, text, home string, env ...string) map[string]string {
	t.Helper()
	cmd := exec.Command("sh", "-c", text+"\nenv -0")
	cmd.Env = append([]string{"HOME=" + home, "PATH=/usr/bin:/bin"}, env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got := map[string]string{}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		name, value, _ := strings.Cut(entry, "=")
		got[name] = value
	}
	return got
}

func TestProfile(t *testing.T) {
	t.Parallel()
	app := t.TempDir()
	layer := testkit.Tree(t, filepath.Join(app, ".layers", "bp", "l"), map[string]string{
		"bin/tool": "", "lib/x.so": "",
		"env/SHARED":              "it's $HOME `x` \"q\"",
		"env.launch/ROOT.default": "/app/.layers/bp/l",
		"env.launch/LIST":         "/app/a:/usr/app/b:/application:/app",
		"env.launch/APP.append":   "end", "env.launch/APP.delim": "$}",
		"env.launch/web/ONLY": "web",
		"profile.d/p.sh":      "export FROM_PROFILE=$ROOT/p",
	})
	text, err := profile(nil, []Layer{{Buildpack: "bp", Name: "l", Dir: layer}}, opened(t, app), "/app", "")
	if err != nil {
		t.Fatal(err)
	}
	here := app + "/.layers/bp/l"
	got := sourced(t, text, app, "DYNO=web.1", "APP=start", "ROOT=")
	for k, want := range map[string]string{
		"PATH": here + "/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": here + "/lib", "SHARED": "it's $HOME `x` \"q\"",
		"ROOT": here, "LIST": app + "/a:/usr/app/b:/application:" + app, "APP": "start$}end", "ONLY": "web",
		"FROM_PROFILE": here + "/p",
	} {
		if got[k] != want {
			t.Errorf("%s = %q, want %q\n%s", k, got[k], want, text)
		}
	}
	got = sourced(t, text, app, "DYNO=worker.1", "ROOT=mine")
	if got["ROOT"] != "mine" || got["ONLY"] != "" || got["APP"] != "end" {
		t.Errorf("ROOT=%q ONLY=%q APP=%q", got["ROOT"], got["ONLY"], got["APP"])
	}
}

// TestProfileOfMember enters the directory of a member at its end, wherever the slug is.
func TestProfileOfMember(t *testing.T) {
	t.Parallel()
	app := t.TempDir()
	member := "apps/it's $HOME"
	testkit.Write(t, filepath.Join(app, member, "x"), "")
	text, err := profile(nil, nil, opened(t, app), "/app", member)
	if err != nil {
		t.Fatal(err)
	}
	got := sourced(t, text+"export AT=\"$(pwd)\"\n", app, "CDPATH=/tmp")
	if want := filepath.Join(app, member); got["AT"] != want {
		t.Errorf("it is in %q, want %q\n%s", got["AT"], want, text)
	}
}

// TestProfileOrder holds the launcher's order where a buildpack of others has made a layer: the environment of all
// layers, then exec.d, then profile.d.
func TestProfileOrder(t *testing.T) {
	t.Parallel()
	app := t.TempDir()
	var layers []Layer
	for _, name := range []string{"a", "b"} {
		dir := testkit.Tree(t, filepath.Join(app, ".layers", "bp", name), map[string]string{
			"env/LIST.append": name, "bin/x": "", "env.launch/PATH.prepend": name + ":",
			"exec.d/x": "", "profile.d/x.sh": "LIST=\"$LIST p" + name + "\"\n",
			"profile.d/web/x.sh": "LIST=\"$LIST w" + name + "\"\n",
		})
		layers = append(layers, Layer{Buildpack: "bp", Name: name, Dir: dir, foreign: true})
	}
	text, err := profile(nil, layers, opened(t, app), "/app", "")
	if err != nil {
		t.Fatal(err)
	}
	launcher := filepath.Join(app, "launcher")
	testkit.Write(t, launcher, "#!/bin/sh\necho \"LIST='$LIST $(basename $(dirname $2))'\"\n")
	if err := os.Chmod(launcher, 0o755); err != nil {
		t.Fatal(err)
	}
	got := sourced(t, text, app, "DYNO=web.1", "SLUGC_LAUNCHER="+launcher)
	if want := "ab a b pa wa pb wb"; got["LIST"] != want {
		t.Errorf("LIST = %q, want %q\n%s", got["LIST"], want, text)
	}
	if want := "b:a:" + app + "/.layers/bp/b/bin:" + app + "/.layers/bp/a/bin:/usr/bin:/bin"; got["PATH"] != want {
		t.Errorf("PATH = %q, want %q\n%s", got["PATH"], want, text)
	}
	cmd := exec.Command("sh", "-c", text+"\necho started")
	cmd.Env = []string{"HOME=" + app, "PATH=/usr/bin:/bin", "SLUGC_LAUNCHER=/bin/false"}
	if out, err := cmd.Output(); cmd.ProcessState.ExitCode() != 82 || len(out) > 0 {
		t.Errorf("after a failed program: %q, %v", out, err)
	}
}

// FuzzProfile holds that a shell that sources the profile gets the values that the
// specification's rules require, for any content of a layer's files.
func FuzzProfile(f *testing.F) {
	for _, value := range []string{"it's $HOME `x`", "/app/a:/app", "a}b", "\\\"$}", "\n", "/app/app", "é\xff"} {
		f.Add(value, ":", "start")
		f.Add(value, value, "")
	}
	f.Fuzz(func(t *testing.T, value, delim, start string) {
		if strings.ContainsRune(start, 0) || len(value)+len(delim)+len(start) > 10000 {
			return
		}
		app := t.TempDir()
		files := map[string]string{}
		for _, action := range []string{"override", "default", "append", "prepend"} {
			name := "V" + action
			files["env/"+name+"."+action], files["env/"+name+".delim"] = value, delim
		}
		layers := filepath.Join(app, ".layers")
		dir := testkit.Tree(t, filepath.Join(layers, "bp", "l"), files)
		// A path below the app would become one below $HOME, which TestProfile holds.
		text, err := profile(nil, []Layer{{Buildpack: "bp", Name: "l", Dir: dir}}, opened(t, app), "/no/such/app", "")
		if strings.ContainsRune(value+delim, 0) {
			if err == nil {
				t.Errorf("%q with %q is accepted", value, delim)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		changes, err := readEnv(opened(t, dir), "env")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		var env []string
		for _, c := range changes {
			want[c.name] = start
			env = append(env, c.name+"="+start)
		}
		apply(want, changes)
		got := sourced(t, text, app, env...)
		maps.DeleteFunc(got, func(name, _ string) bool { _, is := want[name]; return !is })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s\n%s", diff, text)
		}
	})
}
