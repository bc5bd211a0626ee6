package buildpacks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks"
	"slugc/cache/testkit"
)

// TestMaterialise holds that a buildpack's directory is made again from whatever is in its place.
func TestMaterialise(t *testing.T) {
	t.Parallel()
	language, home := buildpacks.Languages[0], filepath.Join(t.TempDir(), "buildpacks")
	lay := func() string {
		t.Helper()
		dir, err := language.Materialise(home, "/opt/slugc")
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := lay()
	above := filepath.Dir(dir)
	file, bin := filepath.Join(dir, "buildpack.toml"), filepath.Join(dir, "bin")
	want := testkit.Read(t, file)
	if !strings.Contains(want, language.ID) {
		t.Errorf("buildpack.toml is %q", want)
	}
	for name, damage := range map[string]func(){
		"nothing":            func() {},
		"an empty file":      func() { check(os.Truncate(file, 0)) },
		"a changed byte":     func() { testkit.Write(t, file, strings.Replace(want, "=", "~", 1)) },
		"zeros":              func() { testkit.Write(t, file, strings.Repeat("\x00", len(want))) },
		"no file":            func() { check(os.Remove(file)) },
		"a directory":        func() { check(os.Remove(file)); check(os.MkdirAll(filepath.Join(file, "x"), 0o700)) },
		"a link":             func() { check(os.Remove(file)); check(os.Symlink("/etc/hostname", file)) },
		"no program":         func() { check(os.Remove(filepath.Join(bin, "build"))) },
		"another program":    func() { check(os.Remove(bin + "/detect")); check(os.Symlink("/bin/sh", bin+"/detect")) },
		"a file as program":  func() { check(os.Remove(bin + "/detect")); testkit.Write(t, bin+"/detect", "") },
		"a directory for it": func() { check(os.Remove(bin + "/build")); check(os.Mkdir(bin+"/build", 0o700)) },
		"no programs":        func() { check(os.RemoveAll(bin)) },
		"a file for bin":     func() { check(os.RemoveAll(bin)); testkit.Write(t, bin, "") },
		"a file for all":     func() { check(os.RemoveAll(dir)); testkit.Write(t, dir, "") },
		"a file above":       func() { check(os.RemoveAll(above)); testkit.Write(t, above, "") },
		"other permissions":  func() { check(os.Chmod(bin, 0o700)) },
	} {
		damage()
		if lay() != dir || testkit.Read(t, file) != want {
			t.Errorf("%s: buildpack.toml is %q", name, testkit.Read(t, file))
		}
		for _, program := range []string{"build", "detect"} {
			if target, err := os.Readlink(filepath.Join(bin, program)); err != nil || target != "/opt/slugc" {
				t.Errorf("%s: bin/%s leads to %q (%v)", name, program, target, err)
			}
		}
		for _, d := range []string{dir, bin} {
			if info, err := os.Lstat(d); err != nil || info.Mode().Perm() != 0o755 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}
