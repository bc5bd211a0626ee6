package slug_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/abi"
	"slugc/compiler/abi/abitest"
	"slugc/compiler/procfile"
	"slugc/compiler/slug"
)

// TestABI packs programs, one of them so large that it is split, in every way in which a segment comes into a slug: the
// slug always says the same of them, and has the same bytes.
func TestABI(t *testing.T) {
	t.Parallel()
	server := abi.Object{
		Arch: "amd64", Libc: abi.Glibc, Interp: "/lib64/ld-linux-x86-64.so.2", C: "2.34", CXX: "3.4.30",
		Needed: []string{"libc.so.6", "libown.so.1", "libother.so.1"}, Paths: []string{"$ORIGIN/../lib"},
	}
	own := abi.Object{Arch: "amd64", Libc: abi.Glibc, C: "2.36", Needed: []string{"libssl.so.3"}}
	huge := string(abitest.File(server)) + strings.Repeat("\x00", 9<<20)
	dir := testkit.Tree(t, t.TempDir(), map[string]string{
		"bin/server": huge, "lib/libown-1.so": string(abitest.File(own)), "readme": "no program",
	})
	check(t, os.Symlink("libown-1.so", filepath.Join(dir, "lib", "libown.so.1")))
	storeDir := t.TempDir()
	store, err := slug.OpenStore(storeDir)
	check(t, err)
	section := slug.Section{Name: "app", Dir: dir, Key: "key"}
	again := func(s slug.Section) *slug.Packed {
		return pack(t, slug.PackOptions{Store: store, Sections: []slug.Section{s}, Manifest: slug.Manifest{
			Target: "linux/amd64", Directory: "bin",
			ProcessTypes: procfile.ProcessMap{{Type: "web", Command: "./server"}},
		}})
	}
	first := again(section)
	web := []string{"web"}
	want := &abi.Record{Arch: "amd64", Libc: abi.Glibc, Needs: []abi.Need{
		{Kind: abi.Arch, Name: "amd64", File: "bin/server", Types: web},
		{Kind: abi.Interpreter, Name: server.Interp, File: "bin/server", Types: web},
		{Kind: abi.Symbols, Name: "GLIBCXX_3.4.30", File: "bin/server", Types: web},
		{Kind: abi.Symbols, Name: "GLIBC_2.36", File: "lib/libown-1.so", Types: web},
		{Kind: abi.Library, Name: "libother.so.1", File: "bin/server", Types: web},
		{Kind: abi.Library, Name: "libssl.so.3", File: "lib/libown-1.so", Types: web},
	}}
	if diff := cmp.Diff(want, first.Manifest.ABI); diff != "" {
		t.Error(diff)
	}
	for how, s := range map[string]slug.Section{"by stat": section, "by key": {Name: "app", Key: "key"}} {
		if p := again(s); p.Digest != first.Digest {
			t.Errorf("%s: %s", how, cmp.Diff(first.Manifest, p.Manifest))
		}
	}
	now := time.Now()
	check(t, os.Chtimes(filepath.Join(dir, "bin/server"), now, now))
	if p := again(section); p.Digest != first.Digest {
		t.Errorf("by content: %s", cmp.Diff(first.Manifest, p.Manifest))
	}
	store = nil
	if p := again(section); p.Digest != first.Digest {
		t.Errorf("from nothing: %s", cmp.Diff(first.Manifest, p.Manifest))
	}
}
