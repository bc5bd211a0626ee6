package export_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/fault"
	"slugc/compiler/launch/export"
)

// write exports the formation into the directory.
func write(t *testing.T, dir, format string, formation map[string]int, env ...string) export.Changes {
	t.Helper()
	o := small()
	o.Formation, o.Env = formation, env
	files, err := export.Export(format, o)
	if err != nil {
		t.Fatal(err)
	}
	done, err := export.Write(dir, format, o.App, files, false)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// tree lists all files below a directory.
func tree(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestWriteSweeps holds that an export removes the files of an earlier one, and no others.
func TestWriteSweeps(t *testing.T) {
	t.Parallel()
	for _, format := range export.Formats() {
		dir := t.TempDir()
		// Files of another app with a similar name, of another format, and of someone else with similar names
		// and even a similar text.
		other := small()
		other.App = "blog-x"
		files, err := export.Export(format, other)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := export.Write(dir, format, other.App, files, false); err != nil {
			t.Fatal(err)
		}
		mark := "Written by `slugc export " + format + "` for blog; the next export replaces it."
		testkit.Tree(t, dir, map[string]string{
			"blog-web.9.service": "[Unit]\n# I copied this from: " + mark + "\n",
			"blog-web-9.conf":    "env A=1\n",
			"blog-web-9.plist":   "",
			"blog-web-9/run":     "#!/bin/sh\n",
			"blog-web-9/env/A":   "1\n",
			"blog.socket":        "# " + mark + "\n",
			"notes":              "# " + mark + "\n",
			"blog-web.service":   "# Written by `slugc export other` for blog; the next export replaces it.\n",
		})
		if err := os.Symlink("notes", filepath.Join(dir, "blog-web.8.service")); err != nil {
			t.Fatal(err)
		}
		theirs := tree(t, dir)
		write(t, dir, format, map[string]int{"web": 3, "worker": 1}, "A=1", "B=2")
		before := slices.DeleteFunc(tree(t, dir), func(name string) bool { return slices.Contains(theirs, name) })
		done := write(t, dir, format, map[string]int{"web": 1}, "B=2")
		after := slices.DeleteFunc(tree(t, dir), func(name string) bool { return slices.Contains(theirs, name) })
		if diff := cmp.Diff(done.Written, after); diff != "" {
			t.Errorf("%s: (-written +there)\n%s", format, diff)
		}
		gone := slices.DeleteFunc(before, func(name string) bool { return slices.Contains(after, name) })
		removed := slices.Sorted(slices.Values(done.Removed))
		if diff := cmp.Diff(strings.Join(gone, "\n"), strings.Join(removed, "\n")); diff != "" || len(done.Left) > 0 ||
			format != "supervisord" && len(gone) < 3 {
			t.Errorf("%s: (-gone +said), left %v\n%s", format, done.Left, diff)
		}
		for _, name := range theirs {
			if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "blog-web-3")); err == nil {
			t.Errorf("%s: the directory of a service is left", format)
		}
	}
}

// TestWriteServiceDirectories holds that the directory of a former service is removed with the files of runsv,
// unless another's file is in it.
func TestWriteServiceDirectories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "runit", map[string]int{"web": 3})
	for _, name := range []string{
		"blog-web-2/supervise/pid", "blog-web-2/log/supervise/pid", "blog-web-3/finish", "blog-web-1/env/MINE",
		"blog-web-1/supervise/pid",
	} {
		testkit.Write(t, filepath.Join(dir, name), "1\n")
	}
	if info, err := os.Stat(filepath.Join(dir, "blog-web-1/env")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("env is %v, %v", info, err)
	}
	done := write(t, dir, "runit", map[string]int{"web": 1})
	if diff := cmp.Diff([]string{"blog-web-3"}, done.Left); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]bool{
		"blog-web-2": false, "blog-web-3/finish": true, "blog-web-3/run": false, "blog-web-1/env/MINE": true,
		"blog-web-1/supervise/pid": true,
	} {
		if testkit.Exists(dir, name) != want {
			t.Errorf("%s exists: %v, want %v", name, !want, want)
		}
	}
}

// TestWriteForeign holds that no file of another origin is replaced, and that nothing is written through a link.
func TestWriteForeign(t *testing.T) {
	t.Parallel()
	file := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o644) }
	}
	link := func(target string) func(string) error {
		return func(path string) error {
			return os.Symlink(strings.ReplaceAll(target, "DIR", filepath.Dir(path)), path)
		}
	}
	for _, test := range []struct {
		format, name string
		make         func(path string) error
		forced       bool // --force helps
	}{
		{"systemd", "blog.target", file("[Unit]\n"), true},
		{"systemd", "blog-web.1.service", link("/etc/passwd"), true},
		{"systemd", "blog.target", func(path string) error { return os.Mkdir(path, 0o755) }, false},
		{"runit", "blog-web-1", link("DIR/elsewhere"), false},
		{"runit", "blog-web-1", link("elsewhere"), false},
		{"runit", "blog-web-1/env/PORT", file("1\n"), true},
	} {
		dir := t.TempDir()
		testkit.Write(t, filepath.Join(dir, "elsewhere", "keep"), "")
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, test.name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := test.make(filepath.Join(dir, test.name)); err != nil {
			t.Fatal(err)
		}
		before := tree(t, dir)
		o := small()
		files, err := export.Export(test.format, o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = export.Write(dir, test.format, o.App, files, false)
		want := `"` + test.name + `" is there already, and not from an export of this app in this format`
		if f := fault.Of(err); f == nil || f.ID != "export/foreign-file" || !strings.Contains(f.Error(), want) ||
			len(f.Hints) != 1 {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
			t.Errorf("%s: something was written all the same:\n%s", test.name, diff)
		}
		if _, err := export.Write(dir, test.format, o.App, files, true); (err == nil) != test.forced {
			t.Errorf("%s by force: %v", test.name, err)
		}
		if got := tree(t, filepath.Join(dir, "elsewhere")); len(got) != 1 {
			t.Errorf("%s: written through a link: %q", test.name, got)
		}
	}
}

func TestWriteUnwritable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	testkit.Write(t, file, "")
	_, err := export.Write(file, "systemd", "blog", nil, false)
	if f := fault.Of(err); f == nil || f.ID != "export/unwritable" || f.Code != fault.ExitUsage {
		t.Errorf("got %v", err)
	}
}
