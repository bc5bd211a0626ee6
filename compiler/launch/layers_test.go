package launch_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/compiler/launch"
	"slugc/compiler/launch/trees"
	"slugc/compiler/slug"
)

// layered is a slug of three sections, of which two have directories in common.
func layered(t *testing.T) (file string, o launch.UnpackOptions) {
	t.Helper()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{
		"app/server": "one", "app/tmp/seed": "seed", "app/.profile.d/b.sh": "export PROFILES=$PROFILES-b",
		"app/.profile": "export PROFILES=$PROFILES-last", "app/old/gone": "", "app/lib/app": "",
		"deps/pkg/index": "deps", "deps/pkg/bin/tool": "",
		"runtime/bin/node": "node",
	})
	if err := os.Symlink("../pkg/index", filepath.Join(dir, "deps", "pkg", "link")); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "slug.tgz")
	_, err := slug.Pack(t.Context(), slug.PackOptions{Output: file, Sections: []slug.Section{
		{Name: "layer:node", Dir: filepath.Join(dir, "runtime"), Prefix: "lib/node"},
		{Name: "slice:deps", Dir: filepath.Join(dir, "deps"), Prefix: "node_modules"},
		{Name: "app", Dir: filepath.Join(dir, "app")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return file, launch.UnpackOptions{
		Runs: filepath.Join(dir, "run"), Trees: filepath.Join(dir, "trees"), Self: child(t),
	}
}

// unpack makes the slug ready, and removes it with the test.
func unpack(t *testing.T, file string, o launch.UnpackOptions) *launch.Unpacked {
	t.Helper()
	u, err := launch.Unpack(t.Context(), file, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Remove)
	return u
}

// files are all files below a directory but those of a run, by path, with their change time.
func files(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	found := map[string]time.Time{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		found[path] = info.ModTime()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestLayers runs a slug twice. The second time makes no file but those of the run itself, and finds the app as the
// slug has it, whatever the first has written.
func TestLayers(t *testing.T) {
	t.Parallel()
	file, o := layered(t)
	const command = `echo "$PROFILES $(cat server tmp/seed node_modules/pkg/index lib/node/bin/node)"
ls -A . lib | tr '\n' ' '; test -f .slugc/slug.json && test -d old && readlink node_modules/pkg/link
echo two >server; rm -r old node_modules/pkg; mkdir old node_modules/pkg; ls node_modules/pkg old
mv lib/app moved; chmod 700 .profile; echo x >tmp/x; test ! -e node_modules/pkg/index`
	want := "-b-last oneseeddepsnode\n"
	var before map[string]time.Time
	for i := range 2 {
		u := unpack(t, file, o)
		if u.Layers == nil {
			t.Fatal("nothing is kept: this machine permits no overlay")
		}
		code, out := run(t, launch.RunOptions{Dir: u.Dir, Layers: u.Layers, Command: command})
		if code != 0 || !strings.HasPrefix(out, want) || !strings.Contains(out, "../pkg/index") {
			t.Errorf("run %d ended with %d: %s", i+1, code, out)
		}
		if left, err := os.ReadDir(u.Dir); err != nil || len(left) > 0 {
			t.Errorf("on the host, the app's directory has %v, %v", left, err)
		}
		u.Remove()
		if i == 0 {
			before = files(t, o.Trees)
			continue
		}
		after := files(t, o.Trees)
		for path := range after {
			if _, ok := before[path]; !ok {
				t.Errorf("the second run has made %s", path)
			}
		}
		if len(after) != len(before) || len(after) < 10 {
			t.Errorf("%d files, and %d after the second run", len(before), len(after))
		}
	}
	if left, err := os.ReadDir(o.Runs); err != nil || len(left) > 0 {
		t.Errorf("these are left: %v, %v", left, err)
	}
}

// TestLayersApart starts two instances that write the same files, and restarts one: none sees another's, nor its
// own of before.
func TestLayersApart(t *testing.T) {
	t.Parallel()
	file, o := layered(t)
	u := unpack(t, file, o)
	meet := t.TempDir()
	command := `test ! -e mine && test ! -e tmp/pid || { echo "it sees another's"; exit 1; }
echo $DYNO >mine; echo $DYNO >tmp/pid; : >` + meet + `/$DYNO; n=0
while test ! -e ` + meet + `/web.1 -o ! -e ` + meet + `/web.2 && test $n -lt 100; do sleep .1; n=$((n+1)); done
echo "read $(cat mine tmp/pid | tr '\n' ' ')"; rm -r tmp; touch ` + meet + `/$DYNO.$$`
	out := &testkit.Buffer{}
	for range 2 {
		code, err := launch.Start(t.Context(), launch.StartOptions{
			Self: o.Self, Dir: u.Dir, Layers: u.Layers, Tmp: u.Tmp, Out: out, Processes: processes("web", command),
			Formation: map[string]int{"web": 2}, CanDie: []string{"all"},
		})
		if code != 0 || err != nil {
			t.Errorf("ended with %d, %v\n%s", code, err, out)
		}
	}
	for _, line := range []string{"read web.1 web.1", "read web.2 web.2"} {
		if n := strings.Count(out.String(), line); n != 2 {
			t.Errorf("%q is there %d times:\n%s", line, n, out)
		}
	}
}

// TestLayersDamaged runs a slug again after somebody has written to its kept sections.
func TestLayersDamaged(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(app string) error{
		"changed": func(app string) error { return os.WriteFile(filepath.Join(app, "server"), []byte("bad"), 0o644) },
		"removed": func(app string) error { return os.Remove(filepath.Join(app, "tmp", "seed")) },
		"added":   func(app string) error { return os.WriteFile(filepath.Join(app, "tmp", "new"), nil, 0o644) },
		"mode":    func(app string) error { return os.Chmod(filepath.Join(app, "server"), 0o755) },
		"no note": func(app string) error { return os.Remove(filepath.Join(app, "..", "..", "manifest")) },
		"booted": func(app string) error {
			about := filepath.Join(app, "..", "..", "about.json")
			text, err := os.ReadFile(about)
			if err != nil {
				return err
			}
			return os.WriteFile(about, []byte(strings.Replace(string(text), `"boot":"`, `"boot":"another`, 1)), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, o := layered(t)
			unpack(t, file, o).Remove()
			kept, err := filepath.Glob(filepath.Join(o.Trees, "*", "kept", "app", "server"))
			if err != nil || len(kept) != 1 {
				t.Fatalf("found %q, %v", kept, err)
			}
			if err := damage(filepath.Dir(kept[0])); err != nil {
				t.Fatal(err)
			}
			u := unpack(t, file, o)
			_, out := run(t, launch.RunOptions{
				Dir: u.Dir, Layers: u.Layers, Command: "cat server tmp/seed; ls tmp; test ! -x server && echo right",
			})
			if out != "oneseedseed\nright\n" || u.Layers == nil {
				t.Errorf("got %q", out)
			}
		})
	}
}

// TestLayersRefused unpacks the slug as a whole where the kernel permits no overlay after all: a link on a run's
// way to its sections has gone.
func TestLayersRefused(t *testing.T) {
	t.Parallel()
	file, o := layered(t)
	u := unpack(t, file, o)
	if err := os.Remove(filepath.Join(filepath.Dir(u.Dir), "0")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		code, out := run(t, launch.RunOptions{Dir: u.Dir, Layers: u.Layers, Command: "cat server; echo $PROFILES"})
		if code != 0 || out != "one-b-last\n" {
			t.Errorf("ended with %d: %s", code, out)
		}
	}
	if !testkit.Exists(u.Dir, "server") {
		t.Error("the slug is not unpacked")
	}
}

// TestLayersAtOnce makes the same slug ready in many goroutines: one unpacks it, and none waits for ever.
func TestLayersAtOnce(t *testing.T) {
	t.Parallel()
	file, o := layered(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			u, err := launch.Unpack(t.Context(), file, o)
			if err != nil || u.Layers == nil {
				t.Errorf("%v", err)
				return
			}
			u.Remove()
		})
	}
	all.Wait()
	store, err := trees.Open(o.Trees)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := store.List(); err != nil || len(list) != 3 {
		t.Errorf("%v, %v", list, err)
	}
}
