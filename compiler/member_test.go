package compiler

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache"
	"slugc/cache/testkit"
	"slugc/compiler/slug"
)

// newMember returns a machine whose app is a member that uses libs/lib.
func newMember(t *testing.T) *machine {
	m := newMachine(t, t.TempDir())
	m.req.Source.Subdir = "apps/api"
	m.write("apps/api/go.mod", "module example.com/api\n\nreplace example.com/lib => ../../libs/lib\n")
	m.write("libs/lib/go.mod", "module example.com/lib\n")
	m.write("apps/web/go.mod", "module example.com/web\n")
	return m
}

// TestMember builds a member with its own Procfile and profiles, which are at the root of the slug.
func TestMember(t *testing.T) {
	t.Parallel()
	m := newMember(t)
	m.write("Procfile", "other: bin/other\n")
	m.write(".profile.d/root.sh", "root")
	m.write("apps/api/Procfile", "web: bin/api\nworker: bin/none\n")
	m.write("apps/api/bin/api", "#!/bin/sh")
	m.write("apps/api/.profile.d/set.sh", "set")
	m.write("shared.sh", "shared")
	m.write("apps/api/.profile.d/not.txt", "")
	for link, target := range map[string]string{
		".profile": "../../shared.sh", ".profile.d/up.sh": "../../../shared.sh",
	} {
		if err := os.Symlink(target, filepath.Join(m.src, "apps/api", link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(m.src, "apps/api/bin/api"), 0o755); err != nil {
		t.Fatal(err)
	}
	result := m.build()
	if want := "Building apps/api (with libs/lib)"; m.recorded.Only("step")[0] != want {
		t.Errorf("steps %q, want %q", m.recorded.Only("step"), want)
	}
	warned := m.recorded.Only("warn")
	if i := len(warned) - 1; i < 0 || !strings.HasPrefix(warned[i], `Procfile: worker runs "bin/none"`) {
		t.Errorf("warnings %q", warned)
	}
	dir := filepath.Join(t.TempDir(), "app")
	if err := slug.Unpack(t.Context(), result.Slug.Path, dir, slug.UnpackOptions{}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{
		"Procfile", ".profile", ".profile.d/set.sh", ".profile.d/up.sh", ".profile.d/not.txt", ".profile.d/root.sh",
		".profile.d/000_slugc.sh", "apps/api/.profile.d/set.sh", "libs/lib/go.mod", "apps/web/go.mod",
	} {
		if testkit.Exists(dir, name) {
			got[name] = testkit.Read(t, filepath.Join(dir, name))
		}
	}
	want := map[string]string{
		"Procfile": "web: bin/api\nworker: bin/none\n", ".profile": "shared", ".profile.d/set.sh": "set",
		".profile.d/up.sh":           "shared",
		".profile.d/000_slugc.sh":    got[".profile.d/000_slugc.sh"],
		"apps/api/.profile.d/set.sh": "set", "libs/lib/go.mod": "module example.com/lib\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if script := got[".profile.d/000_slugc.sh"]; !strings.HasSuffix(script, "cd \"$HOME\"/'apps/api'\n") {
		t.Errorf("the profile is %q", script)
	}
	if info, err := slug.Inspect(result.Slug.Path); err != nil || info.Directory != "apps/api" ||
		result.Directory != "apps/api" {
		t.Errorf("the app is in %q and %q (%v)", info.Directory, result.Directory, err)
	}
	m.write("apps/web/other.go", "package web")
	if !m.build().Unchanged {
		t.Error("a change of another member builds again")
	}
}

// TestMemberHoldsState refuses to stage slugc's own state with a member.
func TestMemberHoldsState(t *testing.T) {
	t.Parallel()
	m := newMember(t)
	home, err := cache.Open(filepath.Join(m.src, "libs/lib/home"))
	if err != nil {
		t.Fatal(err)
	}
	m.Home = home
	m.fails("source/holds-state")
}
