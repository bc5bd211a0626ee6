package slug_test

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/slug"
)

// readers are programs that read a slug on their standard input and print, for each regular file,
// its SHA-256 and name.
var readers = []struct {
	tool     string // what must be on the PATH
	required bool   // any Debian has it or a package for it
	args     []string
}{
	{"tar", true, []string{"sh", "-c", `d=$(mktemp -d) && tar -xzf - -C "$d" && cd "$d" && ` + listing}},
	{
		"bsdtar",
		true,
		[]string{"sh", "-c", `d=$(mktemp -d) && LC_ALL=C.UTF-8 bsdtar -xzf - -C "$d" && cd "$d" && ` + listing},
	},
	{"busybox", true, []string{"sh", "-c", `d=$(mktemp -d) && busybox tar -xzf - -C "$d" && cd "$d" && ` + listing}},
	{"python3", true, []string{"python3", "-c", strings.ReplaceAll(python, "MODE", "r|gz")}},
	{
		"python3",
		true,
		[]string{
			"sh",
			"-c",
			`f=$(mktemp) && cat > "$f" && python3 -c '` + strings.ReplaceAll(
				python,
				"MODE",
				"r:gz",
			) + `' "$f"; e=$?; rm "$f"; exit $e`,
		},
	},
	{"ruby", false, []string{"ruby", "-e", rubyScript}},
	{
		"node",
		false,
		[]string{
			"sh",
			"-c",
			`node -e '` + nodeScript + `' | python3 -c '` + strings.ReplaceAll(python, "MODE", "r|") + `'`,
		},
	},
	{"gzip", true, []string{"sh", "-c", `gzip -dc | python3 -c '` + strings.ReplaceAll(python, "MODE", "r|") + `'`}},
}

const (
	listing = `find app -type f -exec sha256sum {} + | sed 's,  app/,  ./app/,'; e=$?; cd / && rm -rf "$d"; exit $e`
	python  = `
import hashlib, sys, tarfile
source = dict(name=sys.argv[1]) if len(sys.argv) > 1 else dict(fileobj=sys.stdin.buffer)
archive = tarfile.open(mode="MODE", encoding="utf-8", errors="surrogateescape", **source)
for m in archive:
    if m.isfile():
        line = hashlib.sha256(archive.extractfile(m).read()).hexdigest() + "  " + m.name
        sys.stdout.buffer.write(line.encode("utf-8", "surrogateescape") + b"\n")
`
	rubyScript = `
require "zlib"; require "rubygems/package"; require "digest"
Gem::Package::TarReader.new(Zlib::GzipReader.new($stdin)).each do |e|
  name = e.full_name
  puts "#{Digest::SHA256.hexdigest(e.read || "")}  #{name}" if e.file?
end`
	nodeScript = `process.stdin.pipe(require("zlib").createGunzip()).pipe(process.stdout)`
)

// readWithGo is the same in Go.
func readWithGo(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	check(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	check(t, err)
	var lines []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		if h.Typeflag == tar.TypeReg {
			sum := sha256.New()
			_, err := io.Copy(sum, r)
			check(t, err)
			lines = append(lines, fmt.Sprintf("%x  %s", sum.Sum(nil), h.Name))
		}
	}
	if _, err := io.Copy(io.Discard, z); err != nil {
		t.Errorf("reading to the end: %v", err)
	}
	slices.Sort(lines)
	return lines
}

func TestReaders(t *testing.T) {
	t.Parallel()
	testkit.NeedsTools(t, "bsdtar", "busybox", "python3", "ruby")
	files := map[string]string{"a/b": "one", "a.b": "two", "bin/run": "+three", "link": "->a/b", "empty": ""}
	for i := range 700 {
		files[fmt.Sprintf("many/%d/%x", i%7, sha256.Sum256([]byte{byte(i), byte(i >> 8)}))] = strings.Repeat(
			fmt.Sprint("line ", i, "\n"),
			i%900,
		)
	}
	simple := pack(t, slug.PackOptions{Sections: app(tree(t, files))})
	odd := map[string]string{
		strings.Repeat("n", 255):                             "a",
		strings.Repeat("d/", 200) + strings.Repeat("m", 200): "b",
		"é/ünï": "c", "sp ace": "d", "huge": strings.Repeat("0123456789abcdef", 600<<10),
	}
	named := pack(t, slug.PackOptions{Sections: app(tree(t, odd))})
	foreign := pack(
		t,
		slug.PackOptions{
			Sections: app(
				tree(t, map[string]string{"bad\xff\xfe": "e", "\xfc" + strings.Repeat("l", 200): "f", "after": "g"}),
			),
		},
	)
	for _, p := range []*slug.Packed{simple, named, foreign} {
		want := readWithGo(t, p.Path)
		for _, r := range readers {
			if _, err := exec.LookPath(r.tool); err != nil {
				if r.required {
					t.Errorf("reader %s is missing: install it", r.tool)
				} else {
					t.Logf("reader %s is missing and was not tried", r.tool)
				}
				continue
			}
			if r.tool == "ruby" && p != simple {
				continue // its reader of tar knows no PAX; what is tried is its reader of gzip
			}
			got, err := readWith(p.Path, r.args)
			if err != nil {
				t.Errorf("%s: %v", r.tool, err)
			} else if !slices.Equal(got, want) {
				t.Errorf("%s reads %d files of %d: first %q, want %q",
					r.tool, len(got), len(want), first(got), first(want))
			}
		}
		if out, err := exec.Command("gzip", "-t", p.Path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("gzip -t: %v, %s", err, out)
		}
	}
}

func first(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[0]
}

// readWith returns the sorted lines that a reader prints for the slug.
func readWith(path string, args []string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd := exec.Command(args[0], args[1:]...)
	var stderr strings.Builder
	cmd.Stdin, cmd.Stderr = f, &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.String())
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	slices.Sort(lines)
	return lines, nil
}
