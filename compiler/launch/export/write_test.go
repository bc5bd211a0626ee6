package export_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/fault"
	"slugc/compiler/launch/export"
)

// place exports the formation into the directory.
func place(t *testing.T, dir, format string, formation map[string]int, env ...string) export.Changes {
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

func write(t *testing.T, path, text string) {
	t.Helper()
	for _, err := range []error{os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// An export removes what an earlier one has left, and nothing else.
func TestPlaceSweeps(t *testing.T) {
	for _, format := range export.Formats() {
		dir := t.TempDir()
		// Of another app of a similar name, of another format, and of somebody with a similar name
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
		for name, text := range map[string]string{
			"blog-web.9.service": "[Unit]\n# I copied this from: " + mark + "\n", "blog-web-9.conf": "env A=1\n", "blog-web-9.plist": "", "blog-web-9/run": "#!/bin/sh\n", "blog-web-9/env/A": "1\n",
			"blog.socket": "# " + mark + "\n", "notes": "# " + mark + "\n", "blog-web.service": "# Written by `slugc export other` for blog; the next export replaces it.\n",
		} {
			write(t, filepath.Join(dir, name), text)
		}
		if err := os.Symlink("notes", filepath.Join(dir, "blog-web.8.service")); err != nil {
			t.Fatal(err)
		}
		theirs := tree(t, dir)
		place(t, dir, format, map[string]int{"web": 3, "worker": 1}, "A=1", "B=2")
		before := slices.DeleteFunc(tree(t, dir), func(name string) bool { return slices.Contains(theirs, name) })
		done := place(t, dir, format, map[string]int{"web": 1}, "B=2")
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

// A service directory that is not wanted any more goes with what runsv keeps in it, unless someone
// else's file is there.
func TestPlaceServiceDirectories(t *testing.T) {
	dir := t.TempDir()
	place(t, dir, "runit", map[string]int{"web": 3})
	for _, name := range []string{"blog-web-2/supervise/pid", "blog-web-2/log/supervise/pid", "blog-web-3/finish", "blog-web-1/env/MINE", "blog-web-1/supervise/pid"} {
		write(t, filepath.Join(dir, name), "1\n")
	}
	if info, err := os.Stat(filepath.Join(dir, "blog-web-1/env")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("env is %v, %v", info, err)
	}
	done := place(t, dir, "runit", map[string]int{"web": 1})
	if diff := cmp.Diff([]string{"blog-web-3"}, done.Left); diff != "" {
		t.Error(diff)
	}
	for name, there := range map[string]bool{"blog-web-2": false, "blog-web-3/finish": true, "blog-web-3/run": false, "blog-web-1/env/MINE": true, "blog-web-1/supervise/pid": true} {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Nobody else's file is replaced, and nothing is written through a link.
func TestPlaceForeign(t *testing.T) {
	for _, test := range []struct {
		format, name string
		make         func(path string) error
		forced       bool // --force helps
	}{
		{"systemd", "blog.target", func(path string) error { return os.WriteFile(path, []byte("[Unit]\n"), 0o644) }, true},
		{"systemd", "blog-web.1.service", func(path string) error { return os.Symlink("/etc/passwd", path) }, true},
		{"systemd", "blog.target", func(path string) error { return os.Mkdir(path, 0o755) }, false},
		{"runit", "blog-web-1", func(path string) error { return os.Symlink(filepath.Join(filepath.Dir(path), "elsewhere"), path) }, false},
		{"runit", "blog-web-1", func(path string) error { return os.Symlink("elsewhere", path) }, false},
		{"runit", "blog-web-1/env/PORT", func(path string) error { return os.WriteFile(path, []byte("1\n"), 0o644) }, true},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "elsewhere", "keep"), "")
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

func TestPlaceUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	_, err := export.Write(file, "systemd", "blog", nil, false)
	if f := fault.Of(err); f == nil || f.ID != "export/unwritable" || f.Code != fault.ExitUsage {
		t.Errorf("got %v", err)
	}
}
