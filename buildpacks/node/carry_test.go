package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"slugc/buildpacks/buildpacktest"
	"slugc/cache/testkit"
)

// TestCarry holds what of a full tree is in the pruned one afterwards. A value that starts with "->" is a link.
func TestCarry(t *testing.T) {
	t.Parallel()
	version := func(v string) string { return `{"version":"` + v + `"}` }
	full := map[string]string{
		"a/package.json": version("1.0.0"), "a/index.js": "patched", "a/built.node": "built",
		"a/node_modules/b/package.json": version("2.0.0"), "a/node_modules/b/index.js": "patched b2",
		"a/node_modules/dev/package.json": version("1.0.0"), "a/node_modules/generated/index.js": "made",
		"b/package.json": version("1.0.0"), "b/index.js": "b1",
		"@s/c/package.json": version("1.0.0"), "@s/dev/package.json": version("1.0.0"), "@s/made/x": "made",
		"dev/package.json": version("1.0.0"), "dev/node_modules/generated/x": "made",
		".gen/client.js": "made", ".yarn-integrity": "full", "alias": "->../src", "devlink": "->../src",
		".bin/a": "->../a/index.js", ".bin/late": "->../a/built.node", ".bin/dev": "->../dev/x", ".bin/own": "made",
	}
	pruned := map[string]string{
		"a/package.json": version("1.0.0"), "a/index.js": "pristine", "a/placeholder": "pristine",
		"b/package.json": version("2.0.0"), "b/index.js": "b2", // at the top now, where dev's b1 was
		"@s/c/package.json": version("1.0.0"), ".yarn-integrity": "pruned", ".bin/a": "->../a/index.js",
	}
	want := map[string]string{
		"a/package.json": version("1.0.0"), "a/index.js": "patched", "a/built.node": "built",
		"a/node_modules/generated/index.js": "made",
		"b/package.json":                    version("2.0.0"), "b/index.js": "patched b2",
		"@s/c/package.json": version("1.0.0"), "@s/made/x": "made",
		".gen/client.js": "made", ".yarn-integrity": "pruned", "alias": "->../src",
		".bin/a": "->../a/index.js", ".bin/late": "->../a/built.node", ".bin/own": "made",
	}
	listed := map[string]bool{"a": true, "b": true, "@s/c": true, "@s/dev": true, "dev": true, "devlink": true}
	from, to := plant(t, full), plant(t, pruned)
	if err := carry([]string{from}, []string{to}, listed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, read(t, to)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	from, to = plant(t, full), plant(t, map[string]string{"b/package.json": version("3.0.0")})
	if err := carry([]string{from}, []string{to}, listed); !errors.Is(err, errStuck) ||
		!strings.HasPrefix(err.Error(), "b ") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(full, read(t, from)); diff != "" {
		t.Errorf("the full tree is no longer whole (-want +got):\n%s", diff)
	}
}

func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		target, link := strings.CutPrefix(text, "->")
		if !link {
			testkit.Write(t, file, text)
			continue
		}
		buildpacktest.Must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		buildpacktest.Must(t, os.Symlink(target, file))
	}
	return dir
}

func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, l := range take(t, dir) {
		for _, e := range l.entries() {
			switch {
			case e.link != "":
				files[e.path] = "->" + e.link
			case e.mode&unix.S_IFMT == unix.S_IFREG:
				files[e.path] = testkit.Read(t, filepath.Join(dir, e.path))
			}
		}
	}
	return files
}
