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
)

// TestBuildConfigurationStaysOut gives builds secrets and looks for them in the slug, in slugc's
// state and in what it says.
func TestBuildConfigurationStaysOut(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.WarmHome(t, "node", "x"), t.TempDir()
	testkit.Tree(t, dir, map[string]string{
		"package.json": `{"name": "x", "engines": {"node": "22.x"},
			"scripts": {"build": "node build.js", "start": "node server.js"}}`,
		"build.js": `const secret = k => k.startsWith("CANARY") || k.startsWith("HOST")
require("fs").writeFileSync("seen.txt", Object.keys(process.env).filter(secret).sort().join(" "))`,
		"server.js":  "",
		".env.build": "CANARY_FILE=s3cret-file-5f1c\n",
	})
	testkit.Tree(t, dir, map[string]string{".slugignore": ".env.build\n"})
	file := filepath.Join(t.TempDir(), "x.tgz")
	if o := slugctest.Run(t, home, "config", "set", "x", "CANARY_APP=s3cret-app-5f1c", "HOST_APP=s3cret-app-5f1c",
		"CANARY_FLAG=s3cret-app-5f1c"); o.Exit != 0 {
		t.Fatal(o.Stderr)
	}
	o := slugctest.RunIn(
		t,
		"",
		home,
		[]string{"HOST_SECRET=s3cret-host-5f1c", "CANARY_NAMED=s3cret-named-5f1c"},
		"build",
		dir,
		"--app",
		"x",
		"--output",
		file,
		"--env",
		"CANARY_FLAG=s3cret-flag-5f1c",
		"--env",
		"CANARY_NAMED",
		"--config-var",
		"CANARY_APP",
		"--env-file",
		filepath.Join(dir, ".env.build"),
	)
	if o.Exit != 0 {
		t.Fatalf("exit %d\n%s", o.Exit, o.Stderr)
	}
	app := filepath.Join(t.TempDir(), "app")
	if u := slugctest.Run(t, home, "unpack", file, app); u.Exit != 0 {
		t.Fatal(u.Stderr)
	}
	seen, err := os.ReadFile(filepath.Join(app, "seen.txt"))
	if err != nil || string(seen) != "CANARY_APP CANARY_FILE CANARY_FLAG CANARY_NAMED" {
		t.Errorf("the build step saw %q, %v: what is given must reach it, and nothing of the host", seen, err)
	}
	if strings.Contains(o.Stdout+o.Stderr, "s3cret") {
		t.Errorf("a secret is printed:\n%s", o.Stderr)
	}
	for _, root := range []string{app, home} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if bytes.Contains(data, []byte("s3cret")) && d.Name() != "coordinator.db" {
				t.Errorf("a secret is in %s", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
