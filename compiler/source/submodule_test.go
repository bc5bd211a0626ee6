package source_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/unpack"
	"slugc/compiler/source"
)

// forge is a directory of bare repositories, among them lib.git, whose branch main has the files
// lib.txt and bin/tool.
type forge struct {
	dir  string
	lib  string // lib.git's commit
	path []string
}

func newForge(t *testing.T) *forge {
	t.Helper()
	f := &forge{dir: t.TempDir()}
	f.lib = f.commit(t, "lib.git", `mkdir bin; echo lib > lib.txt; echo '#!/bin/sh' > bin/tool; chmod +x bin/tool`)
	return f
}

// commit adds a commit to a repository's main, made if it is missing, and returns its id. The
// script makes the files, in a clone.
func (f *forge) commit(t *testing.T, name, script string) string {
	t.Helper()
	return sh(t, t.TempDir(), `set -e
[ -d "$0" ] || git init -q --bare -b main "$0"
git clone -q "$0" work 2>/dev/null; cd work
`+script+`
git add -A -f; git commit -q --allow-empty -m c; git push -q origin HEAD:main; git rev-parse HEAD`,
		filepath.Join(f.dir, name))
}

// gitlink is the script that adds a submodule, whether or not it can be had.
func gitlink(path, url, commit string) string {
	return fmt.Sprintf(
		"mkdir -p %[1]s; git config -f .gitmodules submodule.%[1]s.path %[1]s; "+
			"git config -f .gitmodules submodule.%[1]s.url '%[2]s'; "+
			"git update-index --add --cacheinfo 160000,%[3]s,%[1]s\n",
		path,
		url,
		commit,
	)
}

// app makes app.git with lib.git as vendor/lib, and returns a spec that allows the URL.
func (f *forge) app(t *testing.T, url string) source.Spec {
	t.Helper()
	f.commit(t, "app.git", "echo web > Procfile; "+gitlink("vendor/lib", url, f.lib))
	return f.spec(t, url)
}

func (f *forge) spec(t *testing.T, allow ...string) source.Spec {
	return source.Spec{
		Kind:       source.Git,
		Dir:        filepath.Join(f.dir, "app.git"),
		Submodules: source.Submodules{Allow: allow, Cache: filepath.Join(t.TempDir(), "kept")},
		Env:        []string{"PATH=" + strings.Join(append(f.path, os.Getenv("PATH")), ":")},
	}
}

// serve answers git's own protocol, by `git daemon` for each connection, and returns the URL of the
// forge.
func (f *forge) serve(t *testing.T) string {
	t.Helper()
	return "git://" + listen(t, func(conn net.Conn) {
		defer conn.Close()
		cmd := exec.Command("git", "daemon", "--inetd", "--export-all", "--base-path="+f.dir, f.dir)
		cmd.Stdin, cmd.Stdout = conn, conn
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
		_ = cmd.Run() // what goes wrong, the client sees
	})
}

func listen(t *testing.T, answer func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answer(conn)
		}
	}()
	return l.Addr().String()
}

// smart answers git's protocol over HTTP, by git-http-backend.
func (f *forge) smart(t *testing.T) string {
	t.Helper()
	backend := &cgi.Handler{Path: filepath.Join(sh(t, "/", "git --exec-path"), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + f.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1"}}
	return web(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		backend.Env = append(backend.Env[:3:3], "GIT_PROTOCOL="+r.Header.Get("Git-Protocol"))
		handler := *backend
		handler.ServeHTTP(w, r)
	}))
}

// dumb serves the repositories' files, as the oldest servers do, which cannot serve single commits.
func (f *forge) dumb(t *testing.T) string {
	t.Helper()
	sh(t, f.dir, `for r in *.git; do git -C $r update-server-info; done`)
	return web(t, http.FileServer(http.Dir(f.dir)))
}

func web(t *testing.T, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// ssh puts a stand-in for ssh on the path: it runs what it is asked to here, if it was told never
// to ask anybody.
func (f *forge) ssh(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\ncase \"$*\" in *BatchMode=yes*) ;; *) exit 9;; esac\nfor last; do :; " +
		"done\nexec sh -c \"$last\"\n"
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	f.path = append(f.path, dir)
	return "ssh://git@forge.example" + f.dir
}

// TestSubmodules fetches over each protocol. What is staged is what a clone with its submodules
// has.
func TestSubmodules(t *testing.T) {
	for name, start := range map[string]func(*forge, *testing.T) string{
		"file": func(f *forge, _ *testing.T) string { return "file://" + f.dir }, "path": func(f *forge,
			_ *testing.T) string {
			return f.dir
		},
		"git": (*forge).serve, "smart": (*forge).smart, "dumb": (*forge).dumb, "ssh": (*forge).ssh,
		"scp": func(f *forge, t *testing.T) string {
			return "git@forge.example:" + strings.TrimPrefix(f.ssh(t), "ssh://git@forge.example")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForge(t)
			spec := f.app(t, start(f, t)+"/lib.git")
			fetched := 0
			spec.Submodules.Fetching = func(path, url string) {
				if fetched++; path != "vendor/lib" || !strings.HasSuffix(url, "/lib.git") {
					t.Errorf("fetching %s from %s", path, url)
				}
			}
			tree := stage(t, spec, source.Options{})
			clone := filepath.Join(t.TempDir(), "clone")
			sh(t, "/", `git clone -q "$0/app.git" "$1" && git clone -q "$0/lib.git" "$1/vendor/lib"`, f.dir, clone)
			if want := open(t, source.Spec{Dir: clone}, source.Options{}); tree.Digest != want.Digest() {
				t.Errorf("digest %s, of a clone %s", tree.Digest, want.Digest())
			}
			// What was fetched serves with the server gone.
			sh(t, f.dir, "mv lib.git gone.git")
			if again := stage(t, spec, source.Options{}); again.Digest != tree.Digest || fetched != 1 {
				t.Errorf("the second time: digest %s, fetched %d times", again.Digest, fetched)
			}
		})
	}
}

// TestSubmoduleMoves fetches a second commit into the same repository, past what a killed fetch has
// left there.
func TestSubmoduleMoves(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	spec := f.app(t, "file://"+f.dir+"/lib.git")
	first := stage(t, spec, source.Options{})
	sh(
		t,
		spec.Submodules.Cache,
		`cd *.git && touch shallow.lock HEAD.lock refs/kept/x.lock objects/pack/tmp_pack_x && mkdir ../.new-1`,
	)
	f.lib = f.commit(t, "lib.git", "echo two > lib.txt")
	f.commit(t, "app.git", gitlink("vendor/lib", "file://"+f.dir+"/lib.git", f.lib))
	if second := stage(t, spec, source.Options{}); second.Digest == first.Digest {
		t.Error("the digest does not cover the submodule")
	}
	if left := sh(t, spec.Submodules.Cache, `find . -name '*.lock' -o -name 'tmp_*'; ls | wc -l`); left != "1" {
		t.Errorf("in the cache: %s", left)
	}
	if n := sh(t, spec.Submodules.Cache, `cd *.git && git for-each-ref refs/kept | wc -l`); n != "2" {
		t.Errorf("%s commits are kept", n)
	}
}

func TestSubmodulesNested(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	mid := f.commit(t, "mid.git", "echo mid > mid.txt; echo x > .slugignore; "+gitlink("deep", "../lib.git", f.lib))
	f.commit(
		t,
		"app.git",
		"mkdir -p web/x; echo web > web/Procfile; printf 'bin/\\nskipped/\\n' > web/.slugignore; "+gitlink(
			"web/mid",
			"../mid.git",
			mid,
		)+gitlink(
			"web/skipped",
			"../none.git",
			f.lib,
		)+
			gitlink(
				"other",
				"ext::x",
				f.lib,
			),
	)
	spec := f.spec(t, "file://"+f.dir+"/*")
	spec.Subdir = "web"
	tree := stage(t, spec, source.Options{})
	const want = "./.slugignore ./Procfile ./mid/.gitmodules ./mid/.slugignore ./mid/deep/lib.txt ./mid/mid.txt"
	if got := sh(t, tree.Root, "find . -type f | sort | tr '\\n' ' '"); got != want || tree.Ignored != 2 {
		t.Errorf("%d ignored, staged %s", tree.Ignored, got)
	}
	// The limits are the whole source's.
	_, err := source.Open(t.Context(), spec, source.Options{Limits: unpack.Limits{Files: 5}})
	wantFault(t, err, "source/too-large", "mid/")
	spec.Submodules.Allow = []string{"file://" + f.dir + "/mid.git"}
	_, err = source.Open(t.Context(), spec, source.Options{})
	wantFault(
		t,
		err,
		"source/submodule",
		`the submodule "mid/deep" is at "file://`+f.dir+`/lib.git", which is not allowed`,
	)

	next := f.lib
	for i := range 5 {
		next = f.commit(t, fmt.Sprintf("n%d.git", i), gitlink("sub", fmt.Sprintf("../n%d.git", i-1), next))
	}
	f.commit(t, "app.git", "git rm -q -r --cached .; rm -rf *; "+gitlink("n", "../n4.git", next))
	_, err = source.Open(t.Context(), f.spec(t, "file:///*"), source.Options{})
	wantFault(t, err, "source/entry-refused", `"n/sub/sub/sub/sub" is a submodule inside 4 others`)
}

// TestSubmoduleQuarantine opens a push in quarantine whose repository would lead a fetch astray.
func TestSubmoduleQuarantine(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	spec := f.app(t, "file://"+f.dir+"/lib.git")
	spec.Ref = sh(
		t,
		spec.Dir,
		`git rev-parse main; mkdir hooks -p; mv objects incoming; mkdir -p objects/pack objects/info incoming/info
git config url.file:///nowhere/.insteadOf "file://$0/"; git config core.hooksPath /nowhere;
	git config core.sshCommand false; git config fetch.fsckObjects false`,
		f.dir,
	)
	spec.Env = append(
		spec.Env,
		"GIT_OBJECT_DIRECTORY="+spec.Dir+"/incoming",
		"GIT_ALTERNATE_OBJECT_DIRECTORIES="+spec.Dir+"/objects",
		"GIT_QUARANTINE_PATH="+spec.Dir+"/incoming",
		"GIT_DIR=.",
		"GIT_CONFIG_PARAMETERS='url.file:///nowhere/.insteadOf'='file:///'",
		"GIT_ALLOW_PROTOCOL=none",
		"GIT_SSH=/nowhere",
		"GIT_EXEC_PATH=/nowhere",
	)
	before := sh(t, spec.Dir, "find incoming objects | sort")
	stage(t, spec, source.Options{})
	if after := sh(t, spec.Dir, "find incoming objects | sort"); after != before {
		t.Errorf("the hosting repository's objects were\n%s\nand are\n%s", before, after)
	}
	if kept := sh(t, spec.Submodules.Cache, `cd *.git && git cat-file -e $0^{tree} && ls`, f.lib); !strings.Contains(
		kept,
		"objects",
	) {
		t.Errorf("kept: %s", kept)
	}
}
