package abi_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/abi"
	"slugc/compiler/abi/abitest"
)

// compile compiles a C program or library with gcc and returns its path.
func compile(t *testing.T, name, source string, args ...string) string {
	t.Helper()
	testkit.NeedsTools(t, "gcc")
	file := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("gcc", slices.Concat([]string{"-x", "c", "-", "-x", "none", "-o", file}, args)...)
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc %q: %v\n%s", args, err, out)
	}
	return file
}

const emptyProgram = "int main(void) { return 0; }"

// read reads an ELF file.
func read(t *testing.T, file string) *abi.Object {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o, ok := abi.Read(f)
	if !ok {
		t.Fatalf("%s is no ELF file", file)
	}
	return o
}

// TestReadMachine reads files of this machine as debug/elf does, which goes by their sections.
func TestReadMachine(t *testing.T) {
	t.Parallel()
	files := []string{"/proc/self/exe"}
	for _, pattern := range []string{
		"/usr/bin/[a-d]*", "/lib/*-linux-gnu/lib*.so.*", "/usr/lib64/lib[a-d]*.so.*",
		"/usr/lib/*-linux-gnu/libstdc++.so.6",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	compared := 0
	for _, file := range files {
		f, err := elf.Open(file)
		if err != nil || f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
			continue
		}
		if diff := cmp.Diff(bySections(t, f), read(t, file)); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
		f.Close()
		compared++
	}
	if compared < 20 {
		t.Errorf("only %d files were compared", compared)
	}
}

// bySections is what debug/elf says of a file.
func bySections(t *testing.T, f *elf.File) *abi.Object {
	t.Helper()
	names := func(tag elf.DynTag) []string {
		list, err := f.DynString(tag)
		if err != nil {
			return nil
		}
		return list
	}
	o := &abi.Object{Arch: map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[f.Machine]}
	o.Needed = append(o.Needed, names(elf.DT_NEEDED)...)
	for _, name := range names(elf.DT_SONAME) {
		o.Soname = name
	}
	for _, list := range append(names(elf.DT_RPATH), names(elf.DT_RUNPATH)...) {
		o.Paths = strings.Split(list, ":")
	}
	if s := f.Section(".interp"); s != nil {
		text, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		o.Interp = string(bytes.TrimRight(text, "\x00"))
	}
	needs, _ := f.DynamicVersionNeeds() // a static program has none
	highest := func(prefix string) (version string) {
		for _, need := range needs {
			for _, dep := range need.Needs {
				name := strings.Replace(dep.Dep, "GLIBC_ABI_DT_RELR", "GLIBC_2.36", 1)
				if v, ok := strings.CutPrefix(name, prefix); ok && v[0] < 'A' && abi.Less(version, v) {
					version = v
				}
			}
		}
		return version
	}
	o.C, o.CXX = highest("GLIBC_"), highest("GLIBCXX_")
	if o.C != "" || strings.Contains(o.Interp, "ld-linux") || slices.Contains(o.Needed, "libc.so.6") {
		o.Libc = abi.Glibc
	}
	return o
}

// TestRead reads programs and libraries of each sort.
func TestRead(t *testing.T) {
	t.Parallel()
	whole := abi.Object{
		Arch: "arm64", Libc: abi.Glibc, Interp: "/lib/ld-linux-aarch64.so.1", Soname: "libx.so",
		C: "2.34", CXX: "3.4.30",
		Needed: []string{"libc.so.6", "liby.so.1"}, Paths: []string{"$ORIGIN", "/opt/lib"},
	}
	if o, ok := abi.Read(bytes.NewReader(abitest.File(whole, "X_1"))); !ok || cmp.Diff(&whole, o) != "" {
		t.Errorf("of a file of its own it says %+v", o)
	}
	static := compile(t, "static", emptyProgram, "-static")
	if o := read(t, static); o.Interp != "" || o.Needed != nil || o.C != "" || o.Libc != "" {
		t.Errorf("of a static program it says %+v", o)
	}
	library := compile(t, "libhello.so", "int hello(void) { return 1; }",
		"-shared", "-nostdlib", "-Wl,-soname,libhello.so.1,-rpath,$ORIGIN/../x:/opt/lib")
	want := &abi.Object{Soname: "libhello.so.1", Paths: []string{"$ORIGIN/../x", "/opt/lib"}}
	got := read(t, library)
	want.Arch = got.Arch
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	musl := compile(t, "musl", emptyProgram, "-nostartfiles", "-nodefaultlibs", "-Wl,-e,main",
		"-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1")
	if o := read(t, musl); o.Libc != abi.Musl || o.Interp != "/lib/ld-musl-x86_64.so.1" {
		t.Errorf("of a program of musl it says %+v", o)
	}
	stripped := compile(t, "stripped", emptyProgram, "-s", "-Wl,-z,nosectionheader")
	if o := read(t, stripped); o.Interp == "" || !slices.Contains(o.Needed, "libc.so.6") {
		t.Errorf("of a program without sections it says %+v", o)
	}
	object := compile(t, "object.o", emptyProgram, "-c")
	for name, content := range map[string][]byte{
		"nothing": nil, "a text": []byte("#!/bin/sh\n"), "a start": []byte("\x7fELF"), "an object": content(t, object),
		"half of one": content(t, static)[:100],
	} {
		if o, ok := abi.Read(bytes.NewReader(content)); ok {
			t.Errorf("%s is taken for an ELF file: %+v", name, o)
		}
	}
}

func content(t *testing.T, file string) []byte { return []byte(testkit.Read(t, file)) }

// FuzzRead reads damaged files: whatever they say, it ends soon, and what it returns can be kept.
func FuzzRead(f *testing.F) {
	f.Add(abitest.File(abi.Object{
		Arch: "amd64", Interp: "/lib64/ld-linux-x86-64.so.2", Soname: "libx.so", Needed: []string{"libc.so.6"},
		Paths: []string{"$ORIGIN"}, C: "2.34", CXX: "3.4.30",
	}, "GLIBC_2.34"))
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, content []byte) {
		r := &counter{r: bytes.NewReader(content)}
		o, ok := abi.Read(r)
		if r.bytes > 64<<20 {
			t.Errorf("%d bytes were read", r.bytes)
		}
		if !ok {
			return
		}
		for _, name := range slices.Concat(o.Needed, o.Paths, []string{o.Soname, o.Interp, o.C, o.CXX}) {
			if len(name) > 255 || strings.ContainsAny(name, "\x00\n\x1b") {
				t.Errorf("it has the name %q", name)
			}
		}
		abi.Of([]abi.File{{Path: "bin/x", Object: o}}, []abi.Start{{Type: "web", Name: "x"}}, "amd64")
	})
}

// counter counts what is read.
type counter struct {
	r     *bytes.Reader
	bytes int
}

func (c *counter) ReadAt(b []byte, offset int64) (int, error) {
	c.bytes += len(b)
	return c.r.ReadAt(b, offset)
}
