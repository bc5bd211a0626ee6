package reference_test

import (
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/reference"
	"slugc/cache/testkit"
)

func TestUpkeep(t *testing.T) {
	t.Parallel()
	srv := serve(t, map[string][]byte{"/bp-x.tgz": gzipped(t, tarball(t, "", classic))})
	home := t.TempDir()
	user := open(t, home, reference.Options{})
	held := take(t, user, srv.URL+"/bp-x.tgz")
	other := open(t, home, reference.Options{})
	local := take(t, other, write(t, filepath.Join(t.TempDir(), "python"), cnb))
	other.Close()
	s := open(t, home, reference.Options{})
	list, err := s.List()
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, k := range list {
		first := k.Digest == held.Digest
		if first != k.InUse || k.Size == 0 || k.Used.IsZero() || k.Taken.IsZero() || first != (len(k.Refs) == 1) {
			t.Errorf("got %+v", k)
		}
		if first && (k.Buildpacks[0].ID != "bp-x" || k.Refs[0] != srv.URL+"/bp-x.tgz" || k.Source != held.Source) {
			t.Errorf("got %+v", k)
		}
	}
	// What is in use stays.
	freed, err := s.Prune(func(reference.Kept) bool { return false })
	if err != nil || freed == 0 || testkit.Exists(local.Buildpacks[0].Dir) || !testkit.Exists(held.Buildpacks[0].Dir) {
		t.Errorf("freed %d, %v; left %s", freed, err, names(t, home))
	}
	user.Close()
	if n, err := s.Remove(held.Digest); err != nil || n == 0 || names(t, home) != "" {
		t.Errorf("freed %d, %v; left %s", n, err, names(t, home))
	}
	if n, err := s.Remove(held.Digest); err != nil || n != 0 {
		t.Errorf("freed %d of nothing, %v", n, err)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := open(t, home, reference.Options{})
	dir := write(t, filepath.Join(t.TempDir(), "python"), cnb)
	p := take(t, s, dir)
	verify := func(words ...string) {
		t.Helper()
		problems, err := s.Verify(t.Context())
		text := strings.Join(problems, "\n")
		for _, w := range words {
			if len(problems) != 1 || !strings.Contains(text, w) {
				t.Errorf("got %q, %v, not %q", text, err, w)
			}
		}
		if err != nil || len(words) == 0 && text != "" {
			t.Errorf("got %q, %v", text, err)
		}
	}
	verify()
	file := filepath.Join(p.Buildpacks[0].Dir, "bin", "build")
	testkit.Write(t, file, "#!/bin/sh\nevil\n")
	verify(dir, "bin/build was changed", "a build uses it")
	s.Close()
	verify(dir, "bin/build was changed", "removed")
	if names(t, home) != "" {
		t.Errorf("the store holds %s", names(t, home))
	}
	verify()
}

// TestKilled removes what a killed process was fetching.
func TestKilled(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	open(t, home, reference.Options{})
	testkit.Write(t, filepath.Join(home, ".staging", "ref-x", "got", "file"), "x")
	testkit.Write(t, filepath.Join(home, ".discarded-x", "file"), "x")
	open(t, home, reference.Options{})
	if testkit.Exists(home, ".discarded-x") || names(t, home) != "" {
		t.Errorf("the store holds %s", names(t, home))
	}
}
