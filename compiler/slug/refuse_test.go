package slug_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"slugc/compiler/fault"
	"slugc/compiler/slug"
)

// refuse packs something that must be refused and returns the fault.
func refuse(t *testing.T, o slug.PackOptions) *fault.Error {
	t.Helper()
	out := t.TempDir()
	o.Output = filepath.Join(out, "slug.tgz")
	p, err := slug.Pack(context.Background(), o)
	if err == nil {
		t.Fatalf("it was packed: %+v", p.Sections)
	}
	if left, _ := os.ReadDir(out); len(left) > 0 {
		t.Errorf("%q is left behind", left[0].Name())
	}
	return fault.Of(err)
}

func TestRefusedFiles(t *testing.T) {
	t.Chdir(t.TempDir()) // a socket's path must be short
	for name, c := range map[string]struct {
		make func(dir string) error
		id   string
		text string
	}{
		"pipe": {
			func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "sub/p"), 0o600) },
			"slug/special-file", `"sub/p" is a named pipe`,
		},
		"socket": {
			func(dir string) error { return listen(t, "s", filepath.Join(dir, "s")) },
			"slug/special-file", `"s" is a socket`,
		},
		"out": {
			func(dir string) error { return os.Symlink("../../x", filepath.Join(dir, "sub/l")) },
			"slug/link-outside", `"sub/l" leads out of the app, to "../../x"`,
		},
		"root": {
			func(dir string) error { return os.Symlink("/etc", filepath.Join(dir, "sub/l")) },
			"slug/link-outside", `to "/etc"`,
		},
		"taken": {
			func(dir string) error { return os.WriteFile(filepath.Join(dir, ".slugc"), nil, 0o600) },
			"slug/path-taken", `".slugc"`,
		},
	} {
		dir := tree(t, map[string]string{"sub/a": "b"})
		check(t, c.make(dir))
		f := refuse(t, slug.PackOptions{Sections: app(dir)})
		if f.ID != c.id || f.Code != fault.ExitPack || f.Owner != fault.App || !strings.Contains(f.Error(), c.text) ||
			len(f.Hints) == 0 {
			t.Errorf("%s: got %s (%s): %v", name, f.ID, f.Owner, f)
		}
	}
}

// listen leaves a socket at path.
func listen(t *testing.T, short, path string) error {
	l, err := net.Listen("unix", short)
	if err != nil {
		return err
	}
	t.Cleanup(func() { l.Close() })
	return os.Rename(short, path)
}

func TestRefusedSections(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a/b": "c", "link": "->a"})
	for name, sections := range map[string][]slug.Section{
		"no name":          {{Dir: dir}},
		"one name twice":   {{Name: "x", Dir: dir, Prefix: "1"}, {Name: "x", Dir: dir, Prefix: "2"}},
		"one place twice":  {{Name: "x", Dir: dir, Prefix: "1"}, {Name: "y", Dir: dir, Prefix: "1"}},
		"prefix outside":   {{Name: "x", Dir: dir, Prefix: "../1"}},
		"include outside":  {{Name: "x", Dir: dir, Include: []string{"../1"}}},
		"exclude absolute": {{Name: "x", Dir: dir, Exclude: []string{"/a"}}},
		"missing":          {{Name: "x", Dir: filepath.Join(dir, "none")}},
		"include missing":  {{Name: "x", Dir: dir, Include: []string{"none"}}},
		"through a link":   {{Name: "x", Dir: dir, Include: []string{"link/b"}}},
		"no key":           {{Name: "x"}},
	} {
		if f := refuse(t, slug.PackOptions{Sections: sections}); strings.Contains(f.Error(), "\n") {
			t.Errorf("%s: %q has several lines", name, f)
		}
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	dir := tree(t, sample())
	f := refuse(t, slug.PackOptions{Sections: app(dir), Limit: 1 << 19})
	hints := strings.Join(f.Hints, "\n")
	if f.ID != "slug/too-large" || f.Owner != fault.App || f.Code != fault.ExitPack ||
		!strings.Contains(hints, "section app takes 1.") || !strings.Contains(hints, "lib/p") {
		t.Errorf("got %s: %v\n%s", f.ID, f, hints)
	}
	pack(t, slug.PackOptions{Sections: app(dir), Limit: 2 << 20})
}

// TestFilesThatChange changes a tree between its scan and its reading, which is when Progress is
// told of what was scanned.
func TestFilesThatChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(p string) error{
		"grown":   func(p string) error { return os.WriteFile(p, make([]byte, 9<<20+1), 0o644) },
		"shrunk":  func(p string) error { return os.Truncate(p, 100) },
		"removed": os.Remove,
		"replaced": func(p string) error {
			return errors.Join(os.WriteFile(p+"x", []byte("y"), 0o644), os.Rename(p+"x", p))
		},
		"linked": func(p string) error { return errors.Join(os.Remove(p), os.Symlink("run", p)) },
		"pipe":   func(p string) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o644)) },
	} {
		dir, done := tree(t, sample()), false
		f := refuse(t, slug.PackOptions{Sections: app(dir), Workers: 1, Progress: func(finished, total int64) {
			if !done {
				done = true
				check(t, change(filepath.Join(dir, "huge")))
			}
		}})
		if f.ID != "slug/file-changed" || f.Owner != fault.Transient || !strings.Contains(f.Error(), "huge") {
			t.Errorf("%s: got %s: %v", name, f.ID, f)
		}
	}
}

func TestCancelledPackLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	dir, out, kept := tree(t, sample()), t.TempDir(), t.TempDir()
	store, err := slug.OpenStore(kept)
	check(t, err)
	_, err = slug.Pack(
		ctx,
		slug.PackOptions{
			Store:    store,
			Sections: app(dir),
			Output:   filepath.Join(out, "x"),
			Progress: func(done, _ int64) {
				if done > 0 {
					cancel()
				}
			},
		},
	)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(out); len(left) > 0 {
		t.Errorf("%q is left", left[0].Name())
	}
	if left, _ := filepath.Glob(filepath.Join(kept, "*.segments")); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "disk")
	check(t, os.Mkdir(dir, 0o755))
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Logf("not tried on a full disk: mounting one: %v", err)
		return
	}
	defer func() { check(t, syscall.Unmount(dir, 0)) }()
	store, err := slug.OpenStore(t.TempDir())
	check(t, err)
	for name, o := range map[string]slug.PackOptions{"temporary store": {}, "slug": {Store: store}} {
		o.Sections, o.Output = app(tree(t, sample())), filepath.Join(dir, "slug.tgz")
		_, err := slug.Pack(context.Background(), o)
		f := fault.Of(err)
		if f == nil || f.ID != "disk/full" || !errors.Is(err, syscall.ENOSPC) ||
			!strings.Contains(f.Error(), dir) {
			t.Errorf("%s: got %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: %q is left", name, left[0].Name())
		}
	}
}
