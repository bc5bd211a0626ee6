package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/procfile"
)

// configSlug packs a slug whose processes print config vars.
func configSlug(t *testing.T, text string) string {
	t.Helper()
	return slugctest.SlugOf(t, map[string]string{"hello.txt": text}, procfile.ProcessMap{
		{Type: "web", Command: `echo "$(cat hello.txt) A=$A B=$B C=$C"`},
		{Type: "release", Command: `echo "migrating A=$A"; test "$A" != bad`},
	})
}

// TestConfig holds that an app's config vars reach its processes, that a flag comes before them and .env after, and
// that a rollback and its release process get the earlier ones.
func TestConfig(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.Home(t), testkit.Tree(t, filepath.Join(t.TempDir(), "Hello"), map[string]string{
		".env": "B=local\nC=local", "prod.env": "A='two words'\nB=\"x\\ny\"\nPORT=3000\n",
	})
	run := func(exit int, stdout string, args ...string) string {
		t.Helper()
		o := slugctest.RunIn(t, dir, home, nil, args...)
		if o.Exit != exit || stdout != "*" && o.Stdout != stdout {
			t.Errorf("%q: exit %d, %q, want %q\n%s", args, o.Exit, o.Stdout, stdout, o.Stderr)
		}
		return o.Stderr
	}
	run(0, "hello\n", "config", "set", "hello", "A=1")
	said := run(0, "*", "register", configSlug(t, "one"), "--app", "hello")
	if !strings.Contains(said, "migrating A=1") {
		t.Errorf("the release process says %s", said)
	}
	run(0, "one A=1 B=local C=local\n", "run", "hello")
	if said := run(0, "hello v2\n", "config", "set", "hello", "A=2", "B=2"); !strings.Contains(said, "migrating A=2") {
		t.Errorf("the release process says %s", said)
	}
	run(0, "hello v2\n", "config", "set", "hello", "A=2")
	if said := run(0, "one A=2 B=2 C=local\n", "run", "hello"); !strings.Contains(said, "hello keeps its own: B") {
		t.Errorf("it says %s", said)
	}
	run(0, "one A=2 B=flag C=\n", "run", "hello", "--env-file=", "-e", "B=flag")
	run(0, "A=2\nB=2\n", "config", "hello")
	run(0, "A\nB\n", "config", "--names")
	run(0, "2\n", "config", "get", "hello", "A")
	run(0, "{\n  \"A\": \"2\",\n  \"B\": \"2\"\n}\n", "config", "hello", "--json")
	said = run(0, "hello v3\n", "config", "set", "hello", "--from-file", "prod.env")
	if !strings.Contains(said, "PORT of prod.env is left out") {
		t.Errorf("it says %s", said)
	}
	run(0, "A='two words'\nB=\"x\\ny\"\n", "config", "hello")
	if said := run(72, "", "config", "set", "hello", "A=bad"); !strings.Contains(said, "release/phase-failed") {
		t.Errorf("it says %s", said)
	}
	run(0, "two words\n", "config", "get", "hello", "A")
	run(0, "hello v5\n", "config", "unset", "hello", "B", "NONE")
	said = run(0, "hello v6\n", "rollback", "hello", "v2")
	if !strings.Contains(said, "migrating A=2") || !strings.Contains(said, "went back too: A, B") {
		t.Errorf("a rollback says %s", said)
	}
	run(0, "A=2\nB=2\n", "config", "hello")
	run(0, "*", "export", "runit", "hello", "sv", "-u", "")
	if got := testkit.Read(t, filepath.Join(dir, "sv/hello-web-1/env/A")); !strings.HasPrefix(got, "2\n") {
		t.Errorf("the export has A=%q", got)
	}
	var told []string
	for _, r := range slugctest.Releases(t, home, "hello") {
		told = append(told, r.Description)
	}
	const want = "Rollback to v2|Unset B|Set A|Set A, B|Set A, B|Register hello.tgz"
	if got := strings.Join(told, "|"); got != want {
		t.Errorf("releases: %s", got)
	}
	run(0, "*", "apps", "destroy", "hello", "--yes")
	run(0, "", "config", "hello")
}

// TestConfigStaysOut looks for config vars in what commands print, and on the disk outside of the coordinator's file,
// which only its owner can read.
func TestConfigStaysOut(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.Home(t), t.TempDir()
	type step struct {
		input string
		args  []string
	}
	file := slugctest.SmallSlug(t, "one", "true")
	steps := []step{
		{"", []string{"config", "set", "hello", "A=s3cret-arg"}},
		{"s3cret-stdin\n", []string{"config", "set", "hello", "B", "--json"}},
		{"A=s3cret-file\nC=s3cret-file\n", []string{"config", "set", "hello", "--from-file", "-"}},
		{"", []string{"register", file, "--app", "hello", "--json"}},
		{"", []string{"config", "set", "hello", "postgres://u:s3cret@h/d?a=b", "B=s3cret-arg"}},
		{"", []string{"config", "set", "hello", "B=s3cret-new", "--json"}},
		{"", []string{"config", "set", "hello", "9B=s3cret-new"}},
		{"", []string{"config", "set", "hello", "D=s3cret\xff", "--json"}},
		{"D = x\ns3cret", []string{"config", "set", "hello", "--from-file", "-", "--json"}},
		{"", []string{"config", "unset", "hello", "C=s3cret-file"}},
		{"", []string{"config", "hello", "--names"}},
		{"", []string{"config", "get", "hello", "NONE", "--json"}},
		{"", []string{"run", "hello", "-e", "9B=s3cret-flag"}},
		{"", []string{"run", "hello", "-e", "s3cret://flag"}},
		{"", []string{"releases", "hello", "--json"}},
		{"", []string{"ps", "hello", "--json"}},
		{"", []string{"rollback", "hello", "v1", "--json"}},
		{"", []string{"export", "systemd", "hello", dir, "--json"}},
		{"", []string{"cache", "prune"}},
		{"", []string{"no-such-command", "A=s3cret"}},
	}
	for i, s := range steps {
		cmd := slugctest.Command(t, home, s.args...)
		cmd.Stdin = strings.NewReader(s.input)
		o := slugctest.Wait(t, cmd)
		if strings.Contains(o.Stdout+o.Stderr, "s3cret") {
			t.Errorf("step %d, %q: a value is printed:\n%s%s", i, s.args, o.Stdout, o.Stderr)
		}
	}
	if value := slugctest.Run(t, home, "config", "get", "hello", "B").Stdout; value != "s3cret-stdin\n" {
		t.Errorf("after the rollback B is %q", value)
	}
	for _, root := range []string{home, dir} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(data, []byte("s3cret")) {
				return err
			}
			info, err := d.Info()
			known := d.Name() == "coordinator.db" || d.Name() == "hello.env"
			if !known || err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("a value is in %s, %v, %v", path, info.Mode(), err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestConfigPruned holds that a prune removes the config vars of releases whose slug is gone, and no others.
func TestConfigPruned(t *testing.T) {
	t.Parallel()
	home := slugctest.Home(t)
	o := slugctest.Run(t, home, "register", slugctest.SmallSlug(t, "one", ""), "--app", "hello", "--json")
	first := strings.TrimPrefix(slugctest.Decode[releaseRow](t, o).Slug.URL, "file://")
	for _, args := range [][]string{
		{"config", "set", "hello", "A=1"}, {"config", "set", "hello", "A=2"},
		{"register", slugctest.SmallSlug(t, "two", ""), "--app", "hello"},
	} {
		if o := slugctest.Run(t, home, args...); o.Exit != 0 {
			t.Fatal(o.Stderr)
		}
	}
	for _, want := range []int{2, 1} { // v2 has the first set, v3 and v4 have the second
		if o := slugctest.Run(t, home, "cache", "prune"); o.Exit != 0 {
			t.Fatal(o.Stderr)
		}
		c, err := local.Open(filepath.Join(home, "coordinator.db"), local.Options{})
		if err != nil {
			t.Fatal(err)
		}
		sets, _, err := c.List(t.Context(), "/apps/hello/config/")
		if c.Close(); err != nil || len(sets) != want {
			t.Errorf("%d sets, %v, want %d", len(sets), err, want)
		}
		_ = os.Remove(first)
	}
}
