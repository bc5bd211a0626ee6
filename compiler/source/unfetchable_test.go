package source_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slugc/cache/unpack"
	"slugc/compiler/fault"
	"slugc/compiler/source"
)

func TestSubmoduleUnreachable(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	silent := listen(t, func(net.Conn) {})
	closed := listen(t, func(c net.Conn) { c.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	free.Close()
	busy := web(
		t,
		http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) },
		),
	)
	for name, url := range map[string]string{
		"silent": "git://" + silent + "/lib.git", "closed": "git://" + closed + "/lib.git",
		"nobody": "http://" + nobody + "/lib.git", "busy": busy + "/lib.git",
	} {
		spec := f.app(t, url)
		if name == "silent" {
			spec.Submodules.Timeout = time.Second
		}
		_, err := source.Open(t.Context(), spec, source.Options{})
		wantFault(
			t,
			err,
			"source/submodule-unreachable",
			fmt.Sprintf(`fetching the submodule "vendor/lib" from %q: `, url),
		)
		if f := fault.Of(err); f.Code != fault.ExitTransient {
			t.Errorf("%s: exit %d", name, f.Code)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	spec := f.app(t, "git://"+silent+"/lib.git")
	spec.Submodules.Fetching = func(string, string) { cancel() }
	if _, err := source.Open(ctx, spec, source.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestSubmoduleUnfetchable holds what is refused for good.
func TestSubmoduleUnfetchable(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	var elsewhere atomic.Int32
	moved := web(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/elsewhere/") {
			elsewhere.Add(1)
		}
		http.Redirect(w, r, "/elsewhere"+r.URL.Path+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
	}))
	private := web(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", "Basic")
		http.Error(w, "", http.StatusUnauthorized)
	}))
	missing := strings.Repeat("1", 40)
	bad := "bad.git"
	badCommit := sh(
		t,
		f.dir,
		`set -e; git init -q --bare -b main "$0"; cd "$0"; x=$(echo x | git hash-object -w --stdin)
printf '100644 .git\0' > t; printf "$(echo $x | sed 's/../\\x&/g')" >> t;
	c=$(git commit-tree -m c $(git hash-object -t tree -w --literally t)); rm t;
	git update-ref refs/heads/main $c; echo $c`,
		bad,
	)
	large := f.commit(t, "large.git", "head -c 3000000 /dev/urandom > noise")
	tests := []struct{ name, url, commit, id, names string }{
		{"no such commit", "file://" + f.dir + "/lib.git", missing, "source/submodule", missing + ", which is not in"},
		{"no such commit, all fetched", f.dumb(t) + "/lib.git", missing, "source/submodule", missing},
		{
			"no such repository", "file://" + f.dir + "/none.git", f.lib,
			"source/submodule", "does not appear to be a git repository",
		},
		{
			"no such repository, git", f.serve(t) + "/none.git", f.lib,
			"source/submodule", "access denied or repository not exported",
		},
		{"no such repository, HTTP", f.smart(t) + "/none.git", f.lib, "source/submodule", "not found"},
		{"moved", moved + "/lib.git", f.lib, "source/submodule", "301"},
		{"private", private + "/lib.git", f.lib, "source/submodule", "could not read Username"},
		{"hostile objects", "file://" + f.dir + "/" + bad, badCommit, "source/submodule", "hasDotgit"},
		{"large", "file://" + f.dir + "/large.git", large, "source/too-large", "2 MiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f.commit(t, "app.git", gitlink("lib", test.url, test.commit))
			spec := f.spec(t, test.url)
			_, err := source.Open(t.Context(), spec, source.Options{Limits: unpack.Limits{Bytes: 2 << 20}})
			wantFault(t, err, test.id, test.names)
			left, _ := filepath.Glob(filepath.Join(spec.Submodules.Cache, "*", "objects", "pack", "tmp_*"))
			if left != nil {
				t.Errorf("left behind: %q", left)
			}
		})
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}
