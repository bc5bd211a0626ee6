package unpack_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"slugc/cache/unpack"
)

// realTree is a script that makes a tree with most of what archives hold.
const realTree = `set -e
mkdir -p node_modules/.bin node_modules/tool/bin node_modules/store/a empty "dir with space"
printf '#!/bin/sh\n' > node_modules/tool/bin/cli.js; chmod 755 node_modules/tool/bin/cli.js
ln -s ../tool/bin/cli.js node_modules/.bin/tool
ln -s tool node_modules/alias
ln -s nowhere dangling
ln -s self self
ln node_modules/tool/bin/cli.js node_modules/store/a/hard.js
ln -s . here
head -c 300000 /dev/zero > zeros; head -c 100000 /dev/urandom > random
printf x > README; printf y > readme; printf z > 'C:odd\name'; printf n > "new
line"
chmod 600 README; chmod 4755 readme; mkfifo /dev/null 2>/dev/null || true`

// Real tools make real archives, and none of what they hold is refused.
func TestRealArchives(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	run(t, src, "bash", "-c", realTree)
	archives := map[string][]string{
		"t.tar":     {"tar", "-cf"},
		"t.tar.gz":  {"tar", "-czf"},
		"t.tar.xz":  {"tar", "-cJf"},
		"t.tar.bz2": {"tar", "-cjf"},
		"t.tar.zst": {"tar", "--zstd", "-cf"},
		"pax.tar":   {"tar", "--format=pax", "-cf"},
		"ustar.tar": {"tar", "--format=ustar", "-cf"},
		"t.zip":     {"zip", "-qry"},
	}
	for name, cmd := range archives {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), name)
			args := append(append([]string{}, cmd[1:]...), file, ".")
			if cmd[0] == "zip" {
				args = append(args, "-x", "C:*") // a backslash is no zip name
			}
			run(t, src, cmd[0], args...)
			for _, how := range []string{"file", "stream"} {
				dir := t.TempDir()
				var err error
				var stats unpack.Stats
				if how == "file" {
					stats, err = unpack.File(context.Background(), file, dir, unpack.Options{})
				} else {
					f, _ := os.Open(file)
					defer f.Close()
					stats, err = unpack.Archive(context.Background(), onlyReader{f}, dir, unpack.Options{})
				}
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				if stats.Files < 6 || stats.Bytes < 400_000 {
					t.Errorf("%s: stats = %+v", how, stats)
				}
				diff := []string{"-r", "--no-dereference", src, dir}
				if cmd[0] == "zip" {
					diff = append(diff, "-x", "C:*")
				}
				run(t, src, "diff", diff...)
				wantMode(t, filepath.Join(dir, "node_modules/tool/bin/cli.js"), 0o755)
				wantMode(t, filepath.Join(dir, "README"), 0o644)
				wantMode(t, filepath.Join(dir, "readme"), 0o755)
			}
		})
	}
}

type onlyReader struct{ f *os.File }

func (r onlyReader) Read(p []byte) (int, error) { return r.f.Read(p) }

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	st, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode() != want {
		t.Errorf("mode of %s = %v, want %v", filepath.Base(path), st.Mode(), want)
	}
}
