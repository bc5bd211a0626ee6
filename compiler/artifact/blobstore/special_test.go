package blobstore

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slugc/compiler/artifact/blobstore/blobstoretest"
	"slugc/compiler/fault"
)

// TestSpecialFiles puts FIFOs and a link to a device in the place of a part and of an index: nothing
// waits, the slug is damaged, and putting it again repairs it.
func TestSpecialFiles(t *testing.T) {
	t.Parallel()
	p, root := blobstoretest.Small(t, "one"), t.TempDir()
	s := open(t, "file://"+root, quick)
	for _, make := range []func(string) error{
		func(path string) error { return unix.Mkfifo(path, 0o644) },
		func(path string) error { return os.Symlink("/dev/zero", path) },
		func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		for _, pattern := range []string{"parts/*", "slugs/*"} {
			url := put(t, s, p)
			files, err := filepath.Glob(filepath.Join(root, pattern))
			check(t, err)
			check(t, os.Remove(files[0]))
			check(t, make(files[0]))
			_, err = s.Get(t.Context(), url, p.Digest, target(t), nil)
			wantFault(t, err, "blobstore/damaged", fault.Slugc)
			if s.Stat(t.Context(), url, p.Digest) == nil {
				t.Errorf("%s: Stat finds nothing wrong", files[0])
			}
			if info, err := os.Lstat(files[0]); err == nil && info.IsDir() {
				check(t, os.Remove(files[0]))
			}
		}
	}
	put(t, s, p)
	to := target(t)
	_, err := s.Get(t.Context(), "", p.Digest, to, nil)
	check(t, err)
	blobstoretest.Same(t, to, p)
}

// TestRedirects follows no redirect away from http and https, and not for ever.
func TestRedirects(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		p, s := blobstoretest.Small(t, "one"), open(t, f.url, quick)
		url := put(t, s, p)
		for _, to := range []string{"file:///etc/passwd", "ftp://127.0.0.1/x", f.URL + "/again"} {
			f.intercept(func(w http.ResponseWriter, r *http.Request, server http.Handler) {
				http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			})
			_, err := s.Get(t.Context(), url, p.Digest, target(t), nil)
			if got := fault.Of(err); got == nil || !strings.HasPrefix(got.ID, "blobstore/") {
				t.Errorf("redirected to %s: got %+v", to, got)
			}
			if n := len(f.requests()); n > 60 {
				t.Errorf("redirected to %s: %d requests", to, n)
			}
		}
	})
}

// TestRealm asks for a token only where http or https leads.
func TestRealm(t *testing.T) {
	t.Parallel()
	f := fakes["oci"](t)
	p, s := blobstoretest.Small(t, "one"), open(t, f.url, quick)
	for _, realm := range []string{"file:///etc/passwd", "ftp://127.0.0.1/token", "token"} {
		f.intercept(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		})
		_, err := s.Get(t.Context(), "", p.Digest, target(t), nil)
		if got := fault.Of(err); got == nil || !strings.HasPrefix(got.ID, "blobstore/") {
			t.Errorf("realm %s: got %+v", realm, got)
		}
	}
}
