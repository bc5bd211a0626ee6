package lifecycle_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
)

// TestLoadRefuses holds what is said of a directory that is no buildpack for slugc.
func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	const good = "api = \"0.10\"\n[buildpack]\nid = \"acme/cobol\"\nversion = \"1\"\n"
	for name, test := range map[string]struct {
		files map[string]string
		id    string
		code  int
		text  string
	}{
		"no buildpack.toml": {nil, "buildpack/invalid", 21, "buildpack.toml: no such file"},
		"not TOML": {map[string]string{"buildpack.toml": "="}, "buildpack/invalid", 21,
			"buildpack.toml: toml: line 1"},
		"a bad id": {map[string]string{"buildpack.toml": "api = \"0.10\"\n[buildpack]\nid = \"../x\""},
			"buildpack/invalid", 21, `buildpack.toml: the buildpack id "../x" is malformed`},
		"an old API": {map[string]string{"buildpack.toml": strings.Replace(good, "0.10", "0.6", 1)},
			"buildpack/api", 12, `buildpack acme/cobol: buildpack.toml: it is written for Buildpack API "0.6"`},
		"no bin/build": {map[string]string{"buildpack.toml": good, "bin/detect": ""}, "buildpack/invalid", 21,
			"acme/cobol: bin/build: the buildpack lacks it"},
		"no bin/detect": {map[string]string{"buildpack.toml": good, "bin/build": ""}, "buildpack/invalid", 21,
			"acme/cobol: bin/detect: the buildpack lacks it"},
		"an extension": {map[string]string{"extension.toml": ""}, "buildpack/extension", 21, "image extensions"},
		"an order of extensions": {map[string]string{"buildpack.toml": good + "[[order-extensions]]\n"},
			"buildpack/extension", 21, "acme/cobol: [[order-extensions]]"},
		"an empty group": {map[string]string{"buildpack.toml": good + "[[order]]\n"}, "buildpack/invalid", 21,
			"a group of its [[order]] names no buildpacks"},
	} {
		dir := t.TempDir()
		for file, text := range test.files {
			testkit.Write(t, filepath.Join(dir, file), text)
			if err := os.Chmod(filepath.Join(dir, file), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		_, err := lifecycle.Load(dir)
		if f := fault.Of(err); err == nil || f.ID != test.id || f.Code != test.code ||
			!strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestLoadFollowsNoLink holds that programs are found within the buildpack only.
func TestLoadFollowsNoLink(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{
		"buildpack.toml": "api = \"0.10\"\n[buildpack]\nid = \"a\"\n", "bin/detect": "", "bin/main": "",
	})
	bin := filepath.Join(dir, "bin")
	link := func(target string) {
		t.Helper()
		os.Remove(filepath.Join(bin, "build"))
		err := errors.Join(os.Chmod(filepath.Join(bin, "detect"), 0o755), os.Chmod(filepath.Join(bin, "main"), 0o755),
			os.Symlink(target, filepath.Join(bin, "build")))
		if err != nil {
			t.Fatal(err)
		}
	}
	link("main")
	if _, err := lifecycle.Load(dir); err != nil {
		t.Error(err)
	}
	link("/bin/sh")
	if _, err := lifecycle.Load(dir); err == nil || !strings.Contains(err.Error(), "bin/build") {
		t.Errorf("a program outside the buildpack: %v", err)
	}
}

// TestLoadClassic holds what a classic buildpack must have.
func TestLoadClassic(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{"bin/detect": ""})
	_, err := lifecycle.LoadClassic(dir, "cobol", "")
	if err == nil || !strings.Contains(err.Error(), "bin/compile: the buildpack lacks it") {
		t.Errorf("got %v", err)
	}
	testkit.Write(t, filepath.Join(dir, "bin/compile"), "")
	if b, err := lifecycle.LoadClassic(dir, "cobol", "v1"); err != nil || !b.Classic || b.Name() != "cobol@v1" {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := lifecycle.LoadClassic(dir, "a b", ""); err == nil {
		t.Error("a malformed id is accepted")
	}
}
