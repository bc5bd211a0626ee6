package push_test

import (
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/release"
)

// TestPushFleet pushes to a machine that shares a coordinator and a slug store with another one,
// which runs what was pushed. Only the hooks' settings name them. The pushed commit has a submodule,
// and the next one a Git LFS pointer.
func TestPushFleet(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 1)
	s, shared := bareSite(t), t.TempDir()
	store := "file://" + filepath.Join(shared, "slugs")
	testkit.Tree(t, shared, map[string]string{
		"lib/lib.txt": "from the library",
		"slugc.env":   "SLUGC_COORDINATOR=" + cluster.URL() + "\n",
	})
	s.install(t, "--store", store, "--allow-submodules", "file://"+shared+"/*",
		"--slugc-env-file", filepath.Join(shared, "slugc.env"))
	commitLib := "git init -q -b main && git add -A && git commit -qm lib"
	if o := slugctest.Shell(t, filepath.Join(shared, "lib"), s.env, commitLib); o.Exit != 0 {
		t.Fatal(o.Stderr)
	}
	testkit.Tree(t, s.work, map[string]string{
		"go.mod": "module example.com/hello\n\ngo 1.25\n",
		"main.go": "package main\n\nimport _ \"embed\"\n\n//go:embed lib/lib.txt\nvar text string\n\n" +
			"func main() { println(text) }\n",
	})
	s.must(t, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "file://"+shared+"/lib", "lib")
	commit := s.commit(t, "with a library")
	says(
		t,
		s.git(t, "push", "origin", "main"),
		0,
		"-----> Fetching the submodule lib from file://"+shared+"/lib\n",
		"-----> Storing the slug\n       "+store,
		"-----> Released blog v1 (main "+commit[:7]+")",
	)
	s.settled(t)

	runner := []string{"SLUGC_COORDINATOR=" + cluster.URL()}
	home := slugctest.Home(t)
	list := slugctest.Releases(t, home, "blog", runner...)
	if len(list) != 1 || list[0].Status != release.Current || list[0].Commit != commit ||
		!strings.HasPrefix(list[0].Slug.URL, store) {
		t.Errorf("released: %+v", list)
	}
	if o := slugctest.RunIn(t, "", home, runner, "run", "blog"); o.Exit != 0 ||
		!strings.Contains(o.Stderr, "from the library") {
		t.Errorf("the other machine: exit %d\n%s%s", o.Exit, o.Stdout, o.Stderr)
	}

	testkit.Write(t, filepath.Join(s.work, "film.bin"),
		"version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("4d", 32)+"\nsize 12345\n")
	s.commit(t, "with a pointer")
	says(
		t,
		s.git(t, "push", "origin", "main"),
		1,
		"film.bin",
		" !     [source/lfs-pointer]",
		" !     push rejected: nothing was released; blog v1 (",
	)
	s.settled(t)
	list = slugctest.Releases(t, home, "blog", runner...)
	if len(list) != 1 || list[0].Commit != s.ref(t, "refs/heads/main") {
		t.Errorf("after a refused push: %+v", list)
	}
}
