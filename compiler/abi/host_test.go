package abi_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/abi"
	"slugc/compiler/abi/abitest"
)

// host is a tree that stands for a machine's root directory.
func host(t *testing.T, files map[string]string) abi.Host {
	t.Helper()
	return abi.Host{Root: testkit.Tree(t, t.TempDir(), files), Arch: "amd64"}
}

// glibc are the files of a machine with glibc.
func glibc(version string, more ...string) map[string]string {
	lib := func(defined ...string) string { return string(abitest.File(abi.Object{Arch: "amd64"}, defined...)) }
	files := map[string]string{
		"lib64/ld-linux-x86-64.so.2": "",
		"lib/x86_64-linux-gnu/libc.so.6": lib(
			"libc.so.6",
			"GLIBC_2.2.5",
			"GLIBC_"+version,
			"GLIBC_2.9",
			"GLIBC_PRIVATE",
		),
		"usr/lib/libstdc++.so.6": lib("GLIBCXX_3.4", "GLIBCXX_3.4.9", "GLIBCXX_3.4.30", "CXXABI_1.3.15"),
	}
	for _, name := range more {
		files[name] = ""
	}
	return files
}

// problems are those that Check finds, in one line each.
func problems(h abi.Host, r *abi.Record, types ...string) (list []string) {
	for _, p := range h.Check(r, types) {
		stops := ""
		if p.Stops {
			stops = "stops: "
		}
		list = append(list, strings.TrimSpace(fmt.Sprint(stops, p.Kind, " ", p.Name, " ", p.Has)))
	}
	return list
}

func TestCheck(t *testing.T) {
	t.Parallel()
	node := program("bin/node", "libstdc++.so.6", "libm.so.6")
	node.Object.CXX = "3.4.21"
	files := []abi.File{
		node,
		{Path: "x.node", Object: &abi.Object{
			Arch: "amd64", Libc: abi.Glibc, C: "2.38", CXX: "3.4.32", Needed: []string{"libx.so.1"},
			Paths: []string{"/opt/x"},
		}},
	}
	record := abi.Of(files, []abi.Start{{Type: "web", Name: "node"}}, "amd64")
	other := []string{"symbols GLIBCXX_3.4.32 3.4.30", "library libx.so.1"}
	for name, test := range map[string]struct {
		host abi.Host
		want []string
	}{
		"a good machine":   {host(t, glibc("2.39", "usr/lib64/libx.so.1")), other[:1]},
		"the same release": {host(t, glibc("2.34", "lib/libx.so.1")), []string{other[0], "symbols GLIBC_2.38 2.34"}},
		"an old one": {
			host(t, glibc("2.31")),
			[]string{"stops: symbols GLIBC_2.34 2.31", other[0], "symbols GLIBC_2.38 2.31", other[1]},
		},
		"the file's own path": {host(t, glibc("2.40", "opt/x/libx.so.1")), other[:1]},
		"LD_LIBRARY_PATH": {
			abi.Host{
				Root: testkit.Tree(t, t.TempDir(), glibc("2.40", "srv/lib/libx.so.1")), Arch: "amd64",
				Path: []string{"", "lib", "/srv/lib"},
			}, other[:1],
		},
		"musl": {
			host(t, map[string]string{"lib/ld-musl-x86_64.so.1": ""}),
			[]string{"stops: interpreter /lib64/ld-linux-x86-64.so.2"},
		},
		"a C library at an unusual place": {
			host(t, map[string]string{"lib64/ld-linux-x86-64.so.2": "", "nix/store/1-glibc/lib/libc.so.6": ""}), nil,
		},
		"a C library that cannot be read": {
			host(t, map[string]string{
				"lib64/ld-linux-x86-64.so.2": "", "lib64/libc.so.6": "\x7fELF", "lib64/libstdc++.so.6": "",
				"lib/libx.so.1": "",
			}), nil,
		},
		"another processor": {
			abi.Host{Root: testkit.Tree(t, t.TempDir(), map[string]string{
				"lib/ld-linux-aarch64.so.1": "",
			}), Arch: "arm64"},
			[]string{"stops: arch amd64 arm64"},
		},
		"an emulator": {
			abi.Host{Root: testkit.Tree(t, t.TempDir(), map[string]string{
				"proc/sys/fs/binfmt_misc/qemu-x86_64": "enabled",
			}), Arch: "arm64"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, problems(test.host, record, "web")); diff != "" {
				t.Error(diff)
			}
			for _, p := range problems(test.host, record, "worker") {
				if strings.HasPrefix(p, "stops") {
					t.Errorf("it stops a type that does not need it: %s", p)
				}
			}
		})
	}
	if got := problems(host(t, nil), nil, "web"); got != nil {
		t.Errorf("without a record it says %q", got)
	}
}

// TestCheckMusl looks for libraries where musl's dynamic linker does.
func TestCheckMusl(t *testing.T) {
	t.Parallel()
	file := abi.File{Path: "bin/x", Object: &abi.Object{
		Arch: "amd64", Libc: abi.Musl, Interp: "/lib/ld-musl-x86_64.so.1",
		Needed: []string{"libc.musl-x86_64.so.1", "libz.so.1"},
	}}
	record := abi.Of([]abi.File{file}, []abi.Start{{Type: "web", Path: "bin/x"}}, "amd64")
	const loader = "lib/ld-musl-x86_64.so.1"
	for name, test := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"good":     {map[string]string{loader: "", "usr/lib/libz.so.1": ""}, nil},
		"its path": {map[string]string{loader: "", "etc/ld-musl-x86_64.path": "/a\n/b:/c\n", "c/libz.so.1": ""}, nil},
		"none":     {map[string]string{loader: ""}, []string{"stops: library libz.so.1"}},
		"glibc":    {glibc("2.40", "lib64/libz.so.1"), []string{"stops: interpreter /lib/ld-musl-x86_64.so.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, problems(host(t, test.files), record, "web")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCheckAsTheKernel compiles programs that this machine can and cannot start, and compares.
func TestCheckAsTheKernel(t *testing.T) {
	t.Parallel()
	lib := compile(t, "libgone.so", "int gone(void) { return 0; }", "-shared", "-Wl,-soname,libgone.so.1")
	calls := "int gone(void); int main(void) { return gone(); }"
	dir := t.TempDir()
	if err := os.Symlink(lib, filepath.Join(dir, "libgone.so.1")); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		source string
		args   []string
		env    []string
		runs   bool
	}{
		"usual":               {emptyProgram, nil, nil, true},
		"static":              {emptyProgram, []string{"-static"}, nil, true},
		"no such interpreter": {emptyProgram, []string{"-Wl,--dynamic-linker=/no/such.so"}, nil, false},
		"no such library":     {calls, []string{lib}, nil, false},
		"its own path":        {calls, []string{lib, "-Wl,-rpath," + dir}, nil, true},
		"LD_LIBRARY_PATH":     {calls, []string{lib}, []string{"LD_LIBRARY_PATH=/no/such:" + dir}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := compile(t, "program", test.source, test.args...)
			record := abi.Of([]abi.File{{Path: "program", Object: read(t, file)}},
				[]abi.Start{{Type: "web", Path: "program"}}, "")
			found := problems(abi.This(test.env), record, "web")
			cmd := exec.Command(file)
			cmd.Env = append([]string{}, test.env...)
			if err := cmd.Run(); (err == nil) != test.runs || (len(found) == 0) != test.runs {
				t.Errorf("it ends with %v, and Check says %q", err, found)
			}
		})
	}
}

// TestReadCache reads this machine's cache as ldconfig does, and damaged ones.
func TestReadCache(t *testing.T) {
	t.Parallel()
	testkit.NeedsTools(t, "ldconfig")
	out, err := exec.Command("/sbin/ldconfig", "-p").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(out)) {
		before, at, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if name, _, _ := strings.Cut(before, " "); ok && want[name] == "" {
			want[name] = at
		}
	}
	if diff := cmp.Diff(want, abi.ReadCache("/etc/ld.so.cache")); diff != "" || len(want) < 10 {
		t.Errorf("%d libraries: %s", len(want), diff)
	}
	content := testkit.Read(t, "/etc/ld.so.cache")
	for name, damaged := range map[string]string{
		"empty": "", "cut": content[:60], "no strings": content[:200],
		"huge count":   content[:20] + "\xff\xff\xff\x7f" + content[24:],
		"wild strings": content[:48] + strings.Repeat("\xff", 240),
		"older form":   "ld.so-1.7.0\x00\x00\x00\x00\x00" + content,
	} {
		file := filepath.Join(t.TempDir(), "cache")
		testkit.Write(t, file, damaged)
		if got := abi.ReadCache(file); len(got) > len(content)/24 {
			t.Errorf("%s: %d libraries", name, len(got))
		}
	}
}
