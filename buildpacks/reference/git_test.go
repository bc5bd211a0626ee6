package reference_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/reference"
	"slugc/cache/testkit"
)

// sh runs a shell script in a directory and returns what it prints.
func sh(t *testing.T, dir, script string) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-ec", script)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_COUNT=3", "GIT_CONFIG_KEY_0=user.name", "GIT_CONFIG_VALUE_0=x", "GIT_CONFIG_KEY_1=user.email",
		"GIT_CONFIG_VALUE_1=x@x", "GIT_CONFIG_KEY_2=protocol.file.allow", "GIT_CONFIG_VALUE_2=always",
	}
	cmd.Stderr = &bytes.Buffer{}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, cmd.Stderr)
	}
	return strings.TrimSpace(string(out))
}

// repository makes a repository with a buildpack at its root, the tag v1 on it, and another in a directory on the
// branch next.
func repository(t *testing.T, dir string) string {
	t.Helper()
	write(t, dir, classic)
	sh(t, dir, `git init -q -b main; printf '* text eol=crlf\nREADME export-ignore\n' > .gitattributes
		git add -A; git commit -qm 1; git tag -am v1 v1; git checkout -qb next; echo next > README`)
	write(t, filepath.Join(dir, "packs", "python"), cnb)
	sh(t, dir, "git add -A; git commit -qm 2; git checkout -q main")
	return dir
}

func TestGit(t *testing.T) {
	t.Parallel()
	dir := repository(t, filepath.Join(t.TempDir(), "heroku-buildpack-x"))
	first, second := sh(t, dir, "git rev-parse main"), sh(t, dir, "git rev-parse next")
	s := open(t, t.TempDir(), reference.Options{})
	addr := "file://" + dir
	var digest string
	for _, rev := range []string{"", "#main", "#v1", "#" + first, "#" + first[:9], "#refs/heads/main"} {
		p := take(t, s, addr+rev)
		b := p.Buildpacks[0]
		if p.Source != addr+"#"+first || b.Kind != reference.Classic || b.ID != "heroku-buildpack-x" ||
			testkit.Read(t, filepath.Join(b.Dir, "README")) != "x" ||
			testkit.Read(t, filepath.Join(b.Dir, "bin/compile")) != classic["bin/compile"] ||
			testkit.Exists(b.Dir, ".git") {
			t.Errorf("%q: %+v", rev, p)
		}
		if digest += p.Digest.String(); !strings.HasSuffix(digest, digest[:71]) {
			t.Errorf("%q has another digest", rev)
		}
	}
	p := take(t, s, addr+"#next:packs/python")
	if b := p.Buildpacks[0]; p.Source != addr+"#"+second+":packs/python" ||
		b.Kind != reference.CNB || b.ID != "acme/python" {
		t.Errorf("got %+v", p)
	}
}

// TestGitMoves keeps what a branch led to, says where it leads now, and takes that when it is told to.
func TestGitMoves(t *testing.T) {
	t.Parallel()
	dir, home := repository(t, filepath.Join(t.TempDir(), "bp")), t.TempDir()
	ref := "file://" + dir + "#main"
	was := take(t, open(t, home, reference.Options{}), ref)
	write(t, dir, map[string]string{"bin/compile": "#!/bin/sh\nnew\n"})
	now := sh(t, dir, "git commit -qam 3; git rev-parse HEAD")
	if p := take(t, open(t, home, reference.Options{}), ref); p.Digest != was.Digest || p.Moved != "" {
		t.Errorf("got %+v", p)
	}
	s := open(t, home, reference.Options{Check: true})
	if p := take(t, s, ref); p.Digest != was.Digest || p.Moved != "file://"+dir+"#"+now {
		t.Errorf("got %+v", p)
	}
	r, err := reference.Parse(ref, "/")
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := s.Update(t.Context(), r)
	if err != nil || fresh.Digest == was.Digest || fresh.Source != "file://"+dir+"#"+now {
		t.Errorf("got %+v, %v", fresh, err)
	}
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	gone := open(t, home, reference.Options{Offline: true})
	if p, err := gone.Take(t.Context(), r); err != nil || p.Digest != fresh.Digest {
		t.Errorf("without its repository: %+v, %v", p, err)
	}
}

// TestGitAgain fetches the same commit again that the store has lost, though the branch has moved.
func TestGitAgain(t *testing.T) {
	t.Parallel()
	dir, home := repository(t, filepath.Join(t.TempDir(), "bp")), t.TempDir()
	ref := "file://" + dir + "#main"
	s := open(t, home, reference.Options{})
	was := take(t, s, ref)
	s.Close()
	if n, err := s.Drop(was.Digest); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	write(t, dir, map[string]string{"bin/compile": "#!/bin/sh\nnew\n"})
	now := sh(t, dir, "git commit -qam 3; git rev-parse HEAD")
	s = open(t, home, reference.Options{Check: true})
	if p := take(t, s, ref); p.Digest != was.Digest || p.Source != was.Source || !strings.HasSuffix(p.Moved, now) {
		t.Errorf("got %+v", p)
	}
	s.Close()
	// A pin that a repository cannot have led to.
	other := take(t, s, write(t, t.TempDir(), cnb))
	sh(t, home, "sed -i s/"+was.Digest.Hex()+"/"+other.Digest.Hex()+"/ .pins/*; rm -r "+other.Digest.Hex())
	_, err := try(t.Context(), open(t, home, reference.Options{}), ref, "/")
	if e, ok := errors.AsType[*reference.Error](err); !ok || e.ID != "buildpack/changed" {
		t.Errorf("got %v", err)
	}
}

func TestSubmodules(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	inner := write(t, filepath.Join(top, "inner"), map[string]string{"deep": "inner"})
	sh(t, inner, "git init -q -b main; git add -A; git commit -qm 1")
	lib := write(t, filepath.Join(top, "lib"), map[string]string{"lib.sh": "lib"})
	sh(t, lib, "git init -q -b main; git submodule --quiet add ../inner in; git add -A; git commit -qm 1")
	dir := write(t, filepath.Join(top, "bp"), classic)
	sh(t, dir, "git init -q -b main; git submodule --quiet add ../lib vendor/lib; git add -A; git commit -qm 1")
	s := open(t, t.TempDir(), reference.Options{})
	got := take(t, s, "file://"+dir).Buildpacks[0].Dir
	if testkit.Read(t, filepath.Join(got, "vendor/lib/lib.sh")) != "lib" ||
		testkit.Read(t, filepath.Join(got, "vendor/lib/in/deep")) != "inner" {
		t.Error("submodules are not taken")
	}
	sh(t, dir, `git config -f .gitmodules submodule.vendor/lib.url "ext::touch $PWD/touched"; git commit -qam 2`)
	fails(t, reference.Options{}, "file://"+dir, "buildpack/repository", `"vendor/lib"`, "helper")
	if testkit.Exists(dir, "touched") {
		t.Error("a program of the repository's was run")
	}
}

func TestGitErrors(t *testing.T) {
	t.Parallel()
	var o reference.Options
	dir := repository(t, filepath.Join(t.TempDir(), "bp"))
	fails(t, o, "file://"+dir+"#none", "buildpack/not-found", `"none"`)
	fails(t, o, "file://"+dir+"#"+strings.Repeat("0", 40), "buildpack/not-found")
	fails(t, o, "file://"+dir+"#deadbeef", "buildpack/not-found", `"deadbeef"`)
	fails(t, o, "file://"+dir+"#main:none", "buildpack/not-found", `"none"`)
	fails(t, o, "file://"+dir+"#next:packs", "buildpack/no-programs")
	fails(t, reference.Options{Env: []string{"PATH=/none"}}, "file://"+dir+"#main", "buildpack/no-git", "/none")
	fails(t, reference.Options{Offline: true}, "file://"+dir+"#main", "buildpack/offline")
	fails(t, o, "http://127.0.0.1:1/bp.git", "buildpack/unreachable", "127.0.0.1")
	empty := t.TempDir()
	sh(t, empty, "git init -q -b main")
	fails(t, o, "file://"+empty, "buildpack/not-found", "empty")
	sh(t, dir, "ln -s /etc/passwd lib; git add -A; git commit -qm evil")
	fails(t, o, "file://"+dir, "buildpack/archive-refused", `"lib"`, "/etc/passwd")
	tiny := reference.Options{}
	tiny.Limits.Files = 3
	fails(t, tiny, "file://"+dir+"#v1", "buildpack/too-large", "3 are allowed")
}

// TestGitOfOthers takes from a repository of another user, whose configuration counts for nothing.
func TestGitOfOthers(t *testing.T) {
	t.Parallel()
	dir := repository(t, filepath.Join(t.TempDir(), "bp"))
	sh(t, dir, `git config core.fsmonitor "touch $PWD/touched"; git config uploadpack.packObjectsHook "$PWD/touched"
		git config core.hooksPath "$PWD"; chown -R 65534 . 2>/dev/null || true`)
	s := open(t, t.TempDir(), reference.Options{Check: true})
	for range 2 {
		if p := take(t, s, "file://"+dir+"#main"); p.Moved != "" || len(p.Buildpacks) != 1 {
			t.Errorf("got %+v", p)
		}
	}
	if testkit.Exists(dir, "touched") {
		t.Error("a program of the repository's was run")
	}
}

// TestSmartServer fetches single commits from a server that speaks git's own protocol over http.
func TestSmartServer(t *testing.T) {
	t.Parallel()
	dir := repository(t, filepath.Join(t.TempDir(), "bp"))
	srv := httptest.NewServer(&cgi.Handler{
		Path: sh(t, dir, "git --exec-path") + "/git-http-backend",
		Env: []string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + dir,
		},
		InheritEnv: []string{"PATH"}, Stderr: io.Discard,
	})
	defer srv.Close()
	first := sh(t, dir, "git rev-parse main")
	s := open(t, t.TempDir(), reference.Options{Check: true})
	var was string
	for _, rev := range []string{"", "#main", "#v1", "#" + first, "#" + first[:9], "#refs/heads/main"} {
		p := take(t, s, srv.URL+"/bp/.git"+rev)
		if was += p.Digest.String(); p.Source != srv.URL+"/bp/.git#"+first || !strings.HasSuffix(was, was[:71]) {
			t.Errorf("%q: %+v", rev, p)
		}
	}
	write(t, dir, map[string]string{"bin/compile": "#!/bin/sh\nnew\n"})
	now := sh(t, dir, "git commit -qam 3; git rev-parse HEAD")
	if p := take(t, s, srv.URL+"/bp/.git#main"); !strings.HasSuffix(p.Moved, "#"+now) || p.Source == p.Moved {
		t.Errorf("got %+v", p)
	}
	var o reference.Options
	fails(t, o, srv.URL+"/bp/.git#none", "buildpack/not-found", `"none"`)
	fails(t, o, srv.URL+"/bp/.git#"+strings.Repeat("0", 40), "buildpack/not-found")
	fails(t, o, srv.URL+"/bp/.git#deadbeef", "buildpack/not-found", `"deadbeef"`)
	fails(t, o, srv.URL+"/none.git", "buildpack/not-found")
}

// TestGitCredentials sends credentials to the server and shows them to nobody.
func TestGitCredentials(t *testing.T) {
	t.Parallel()
	dir := repository(t, filepath.Join(t.TempDir(), "bp"))
	sh(t, dir, "git update-server-info")
	files := http.FileServer(http.Dir(filepath.Dir(dir)))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "se/cret" {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer srv.Close()
	host := strings.TrimPrefix(srv.URL, "http://")
	home := t.TempDir()
	s := open(t, home, reference.Options{})
	p := take(t, s, "http://me:se%2Fcret@"+host+"/bp/.git#main")
	if p.Ref != "http://"+host+"/bp/.git#main" || !strings.HasPrefix(p.Source, "http://"+host+"/bp/.git#") {
		t.Errorf("got %+v", p)
	}
	if out := sh(t, home, `grep -rlE 'cret|me:' . || true`); out != "" {
		t.Errorf("the store has the password in %s", out)
	}
	fails(t, reference.Options{}, srv.URL+"/bp/.git", "buildpack/denied")
}
