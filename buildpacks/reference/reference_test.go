package reference_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slugc/buildpacks/reference"
	"slugc/cache/digest"
	"slugc/cache/testkit"
)

// cnb are the files of a Cloud Native Buildpack, and classic those of a Heroku buildpack.
var (
	cnb = map[string]string{
		"buildpack.toml": "api = \"0.10\"\n[buildpack]\nid = \"acme/python\"\nversion = \"1.2.3\"\n",
		"bin/detect":     "#!/bin/sh\n", "bin/build": "#!/bin/sh\n", "lib/deep/er": "x",
	}
	classic = map[string]string{
		"bin/detect": "#!/bin/sh\n", "bin/compile": "#!/bin/sh\n", "README": "x",
		"buildpack.toml": "[buildpack]\nname = \"Python\"\n",
	}
)

// write writes a buildpack's files, those in bin executable.
func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	testkit.Tree(t, dir, files)
	for name := range files {
		if strings.HasPrefix(name, "bin/") {
			chmod(t, filepath.Join(dir, name), 0o755)
		}
	}
	return dir
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// open opens a store that the test closes.
func open(t *testing.T, dir string, o reference.Options) *reference.Store {
	t.Helper()
	s, err := reference.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// take takes a reference that is good.
func take(t *testing.T, s *reference.Store, text string) reference.Package {
	t.Helper()
	p, err := try(t.Context(), s, text, "/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func try(ctx context.Context, s *reference.Store, text, dir string) (reference.Package, error) {
	r, err := reference.Parse(text, dir)
	if err != nil {
		return reference.Package{}, err
	}
	return s.Take(ctx, r)
}

// fails takes a reference that must fail with an id and words of the text, and leave nothing.
func fails(t *testing.T, o reference.Options, text, id string, words ...string) {
	t.Helper()
	dir := t.TempDir()
	_, err := try(t.Context(), open(t, dir, o), text, t.TempDir())
	e, ok := errors.AsType[*reference.Error](err)
	if !ok || e.ID != id || len(e.Hints) == 0 || strings.Contains(e.Error(), "\n") {
		t.Errorf("%s: %v (%+v), want %s", text, err, e, id)
	}
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %v does not say %q", text, err, w)
		}
	}
	if left := names(t, dir); left != "" {
		t.Errorf("%s: the store holds %s", text, left)
	}
}

// names lists what a store holds: packages, pins and what is in staging.
func names(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	for _, sub := range []string{".", ".pins", ".staging"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if sub != "." || !strings.HasPrefix(e.Name(), ".") {
				all = append(all, e.Name())
			}
		}
	}
	return strings.Join(all, " ")
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := open(t, home, reference.Options{})
	dir := write(t, filepath.Join(t.TempDir(), "python"), cnb)
	testkit.Write(t, filepath.Join(dir, ".git", "HEAD"), "x")
	p := take(t, s, dir)
	want := reference.Buildpack{Dir: p.Buildpacks[0].Dir, Kind: reference.CNB, ID: "acme/python", Version: "1.2.3"}
	if len(p.Buildpacks) != 1 || p.Buildpacks[0] != want || p.Source != dir || p.Ref != dir {
		t.Fatalf("got %+v", p)
	}
	if !strings.HasPrefix(want.Dir, home) || testkit.Read(t, filepath.Join(want.Dir, "lib/deep/er")) != "x" ||
		testkit.Exists(want.Dir, ".git") {
		t.Errorf("%s is not a copy", want.Dir)
	}
	for name, mode := range map[string]os.FileMode{"": 0o755, "bin/build": 0o755, "buildpack.toml": 0o644} {
		if info, err := os.Stat(filepath.Join(want.Dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", name, info.Mode(), err)
		}
	}
	// Equal files have one place, wherever they are; other ones have another.
	if same := take(t, s, write(t, filepath.Join(t.TempDir(), "other"), cnb)); same.Digest != p.Digest {
		t.Errorf("equal files have the digests %s and %s", p.Digest, same.Digest)
	}
	testkit.Write(t, filepath.Join(dir, "lib/deep/er"), "y")
	changed := take(t, s, dir)
	if changed.Digest == p.Digest || testkit.Read(t, filepath.Join(want.Dir, "lib/deep/er")) != "x" {
		t.Error("a changed directory is not taken again, or the former copy has changed")
	}
	if n := len(strings.Fields(names(t, home))); n != 2 {
		t.Errorf("the store holds %d packages", n)
	}
}

func TestClassic(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), reference.Options{})
	p := take(t, s, write(t, filepath.Join(t.TempDir(), "heroku-buildpack-python"), classic))
	odd := take(t, s, write(t, filepath.Join(t.TempDir(), "+my buildpack+1"), classic))
	if odd.Buildpacks[0].ID != "my-buildpack-1" {
		t.Errorf("a directory with an odd name makes the id %q", odd.Buildpacks[0].ID)
	}
	b := p.Buildpacks[0]
	if b.Kind != reference.Classic || b.ID != "heroku-buildpack-python" || b.Version != p.Digest.Short() {
		t.Errorf("got %+v", p)
	}
}

// pack makes an archive by the end of its name, with files below prefix.
func pack(t *testing.T, file, prefix string, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	if strings.HasSuffix(file, ".zip") {
		w := zip.NewWriter(&b)
		for _, name := range slices.Sorted(maps.Keys(files)) {
			h := &zip.FileHeader{Name: prefix + name}
			h.SetMode(mode(name))
			f, err := w.CreateHeader(h)
			if _, werr := f.Write([]byte(files[name])); errors.Join(err, werr) != nil {
				t.Fatal(err, werr)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	} else {
		b.Write(tarball(t, prefix, files))
	}
	if strings.HasSuffix(file, "gz") || strings.HasSuffix(file, ".cnb") {
		b = *bytes.NewBuffer(gzipped(t, b.Bytes()))
	}
	if strings.HasSuffix(file, ".tbz") {
		cmd := exec.Command("bzip2")
		cmd.Stdin = &b
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		b = *bytes.NewBuffer(out)
	}
	testkit.Write(t, file, b.String())
	return file
}

func mode(name string) os.FileMode {
	if strings.HasPrefix(name, "bin/") {
		return 0o755
	}
	return 0o644
}

func tarball(t *testing.T, prefix string, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	// Archives of git hosts begin so.
	err := w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "x"},
	})
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Name: prefix + name, Mode: int64(mode(name)), Size: int64(len(files[name]))}
		if target, ok := strings.CutPrefix(files[name], "-> "); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, target, 0
		}
		err = errors.Join(err, w.WriteHeader(h))
		if h.Size > 0 {
			_, werr := w.Write([]byte(files[name]))
			err = errors.Join(err, werr)
		}
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestArchives has one digest for the same files, however they are packed.
func TestArchives(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), reference.Options{})
	want := take(t, s, write(t, filepath.Join(t.TempDir(), "python"), cnb)).Digest
	for _, name := range []string{"bp.tgz", "bp.tar.gz", "bp.tar", "bp.tbz", "bp.zip", "bp.cnb"} {
		for _, prefix := range []string{"", "./", "python-1.2.3/"} {
			file := pack(t, filepath.Join(t.TempDir(), name), prefix, cnb)
			sum, _, err := digest.File(file)
			if err != nil {
				t.Fatal(err)
			}
			if p := take(t, s, file+"#sha256="+sum.Hex()); p.Digest != want || p.Source != file {
				t.Errorf("%s with %q: %+v", name, prefix, p)
			}
		}
	}
	file := pack(t, filepath.Join(t.TempDir(), "heroku-buildpack-x.tgz"), "", classic)
	if b := take(t, s, file).Buildpacks[0]; b.ID != "heroku-buildpack-x" || b.Kind != reference.Classic {
		t.Errorf("got %+v", b)
	}
}

func TestBadArchives(t *testing.T) {
	t.Parallel()
	with := func(name, content string) map[string]string {
		files := maps.Clone(cnb)
		files[name] = content
		return files
	}
	var o reference.Options
	file := func(files map[string]string) string { return pack(t, filepath.Join(t.TempDir(), "bp.tgz"), "", files) }
	fails(t, o, file(with("../evil", "x")), "buildpack/archive-refused", `"../evil"`)
	fails(t, o, file(with("link", "-> /etc/passwd")), "buildpack/archive-refused", `"link"`, "/etc/passwd")
	fails(t, o, file(cnb)+"#sha256="+strings.Repeat("0", 64), "buildpack/digest-mismatch", "sha256:0000")
	fails(t, o, file(cnb)+"#main", "buildpack/reference-invalid", `"main"`)
	small := reference.Options{}
	small.Limits.Bytes = 1000
	fails(t, small, file(with("big", strings.Repeat("x", 2000))), "buildpack/too-large", `"big"`)
	broken := file(cnb)
	testkit.Write(t, broken, strings.TrimSuffix(testkit.Read(t, broken), testkit.Read(t, broken)[200:]))
	fails(t, o, broken, "buildpack/archive-damaged")
	testkit.Write(t, broken, "<html>not found</html>")
	fails(t, o, broken, "buildpack/archive-format")
}

func TestBadDirectories(t *testing.T) {
	t.Parallel()
	var o reference.Options
	dir := func(change func(dir string, files map[string]string)) string {
		files := maps.Clone(cnb)
		at := t.TempDir()
		change(at, files)
		return write(t, at, files)
	}
	only := func(name, content string) string {
		return dir(func(_ string, files map[string]string) { files[name] = content })
	}
	without := func(name string) string {
		return dir(func(_ string, files map[string]string) { delete(files, name) })
	}
	fails(t, o, only("buildpack.toml", "[buildpack\n"), "buildpack/descriptor-malformed", "line 2")
	fails(t, o, only("buildpack.toml", "api = \"0.10\"\n"), "buildpack/descriptor-malformed", "no id")
	fails(t, o, only("buildpack.toml", strings.Replace(cnb["buildpack.toml"], "acme", "\\u001b[31m", 1)),
		"buildpack/descriptor-malformed", "its id is")
	extension := without("buildpack.toml")
	testkit.Write(t, filepath.Join(extension, "extension.toml"), "")
	fails(t, o, extension, "buildpack/extension", "extension.toml")
	fails(t, o, without("bin/build"), "buildpack/no-programs", "no bin/build and no bin/compile")
	fails(t, o, without("buildpack.toml"), "buildpack/no-programs")
	source := without("bin/build")
	testkit.Write(t, filepath.Join(source, "Cargo.toml"), "")
	fails(t, o, source, "buildpack/no-programs", "Cargo.toml")
	plain := only("x", "")
	chmod(t, filepath.Join(plain, "bin/build"), 0o644)
	fails(t, o, plain, "buildpack/not-executable", "bin/build")
	fifo := only("x", "")
	if err := syscall.Mkfifo(filepath.Join(fifo, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	fails(t, o, fifo, "buildpack/archive-refused", `"pipe"`)
	outside := only("x", "")
	if err := os.Symlink("/etc", filepath.Join(outside, "etc")); err != nil {
		t.Fatal(err)
	}
	fails(t, o, outside, "buildpack/archive-refused", `"etc"`)
	fails(t, o, filepath.Join(outside, "none"), "buildpack/not-found", "none")
}

// TestPlatforms holds that of a buildpack for several platforms the programs for one serve.
func TestPlatforms(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, filepath.Join(t.TempDir(), "python"), map[string]string{
		"buildpack.toml":        cnb["buildpack.toml"],
		"linux/arm64/bin/build": "#!/bin/sh\necho arm\n", "linux/arm64/bin/detect": "#!/bin/sh\n",
		"linux/amd64/bin/build": "#!/bin/sh\necho amd\n", "linux/amd64/bin/detect": "#!/bin/sh\n",
	})
	for _, arch := range []string{"arm64", "amd64"} {
		for _, program := range []string{"build", "detect"} {
			chmod(t, filepath.Join(dir, "linux", arch, "bin", program), 0o755)
		}
	}
	p := take(t, open(t, filepath.Join(t.TempDir(), "foreign"), reference.Options{OS: "linux", Arch: "arm64"}), dir)
	if got := testkit.Read(t, filepath.Join(p.Buildpacks[0].Dir, "bin", "build")); !strings.Contains(got, "arm") {
		t.Errorf("the programs are %q", got)
	}
	other := open(t, filepath.Join(t.TempDir(), "foreign"), reference.Options{OS: "plan9", Arch: "mips"})
	_, err := try(t.Context(), other, dir, "/nowhere")
	if e, ok := errors.AsType[*reference.Error](err); !ok || e.ID != "buildpack/no-programs" {
		t.Errorf("got %v for a platform without programs", err)
	}
}
