package reference_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"slugc/buildpacks/reference"
	"slugc/cache/digest"
)

// files is a server of a few files, with an ETag each, that counts requests.
type files struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte
	asked int
}

func serve(t *testing.T, content map[string][]byte) *files {
	t.Helper()
	f := &files{files: content}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *files) put(name string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[name] = data
}

func (f *files) requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func (f *files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	data, ok := f.files[r.URL.Path]
	etag := `"` + digest.Of(data).Short() + `"`
	w.Header().Set("ETag", etag)
	switch {
	case r.URL.Path == "/private":
		w.WriteHeader(http.StatusForbidden)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case r.Header.Get("If-None-Match") == etag:
		w.WriteHeader(http.StatusNotModified)
	default:
		_, _ = w.Write(data)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	archive := gzipped(t, tarball(t, "python-1/", cnb))
	srv := serve(t, map[string][]byte{"/python.tgz": archive, "/download": archive})
	home := t.TempDir()
	addr := srv.URL + "/python.tgz"
	withUser := strings.Replace(addr, "//", "//me:secret@", 1) + "?sig=secret"
	s := open(t, home, reference.Options{})
	p := take(t, s, withUser)
	if b := p.Buildpacks[0]; p.Source != addr || p.Ref != addr || b.ID != "acme/python" || b.Kind != reference.CNB {
		t.Errorf("got %+v", p)
	}
	sum := srv.URL + "/download#sha256=" + digest.Of(archive).Hex()
	if same := take(t, s, sum); same.Digest != p.Digest || same.Ref != sum {
		t.Errorf("got %+v", same)
	}
	if out := sh(t, home, "grep -rl secret . || true"); out != "" {
		t.Errorf("the store has the password in %s", out)
	}
	// What was fetched serves without the server, until another file is asked for.
	asked := srv.requests()
	if again := take(t, open(t, home, reference.Options{}), withUser); again.Digest != p.Digest || again.Moved != "" {
		t.Errorf("got %+v", again)
	}
	if srv.requests() != asked {
		t.Error("the server is asked again")
	}
	checks := open(t, home, reference.Options{Check: true})
	if again := take(t, checks, withUser); again.Moved != "" {
		t.Errorf("the same file is taken for another: %+v", again)
	}
	srv.put("/python.tgz", gzipped(t, tarball(t, "", classic)))
	if again := take(t, checks, withUser); again.Digest != p.Digest || !strings.HasPrefix(again.Moved, addr+" (") {
		t.Errorf("got %+v", again)
	}
	srv.Close()
	if again := take(t, checks, withUser); again.Digest != p.Digest || again.Moved != "" {
		t.Errorf("without a server: %+v", again)
	}
}

// TestHerokuRegistry takes a buildpack by the name that it has there.
func TestHerokuRegistry(t *testing.T) {
	t.Parallel()
	srv := serve(t, map[string][]byte{"/acme/python_3.tgz": gzipped(t, tarball(t, "", classic))})
	o := reference.Options{Heroku: srv.URL}
	p := take(t, open(t, t.TempDir(), o), "acme/python_3")
	if p.Buildpacks[0].ID != "python_3" || p.Source != srv.URL+"/acme/python_3.tgz" || p.Ref != "acme/python_3" {
		t.Errorf("got %+v", p)
	}
	fails(t, o, "acme/none", "buildpack/not-found", `"acme/none"`, "no such directory")
}

func TestAddressErrors(t *testing.T) {
	t.Parallel()
	archive := gzipped(t, tarball(t, "", cnb))
	srv := serve(t, map[string][]byte{
		"/bp.tgz": archive, "/short.tgz": archive[:len(archive)-20], "/page.tgz": []byte("<html>"),
		"/evil.tgz": gzipped(t, tarball(t, "", map[string]string{"../evil": "x"})),
	})
	var o reference.Options
	fails(t, o, srv.URL+"/none.tgz", "buildpack/not-found", "404")
	fails(t, o, srv.URL+"/private#sha256="+strings.Repeat("0", 64), "buildpack/denied", "403")
	fails(t, o, srv.URL+"/bp.tgz#sha256="+strings.Repeat("0", 64), "buildpack/digest-mismatch",
		digest.Of(archive).String())
	fails(t, o, srv.URL+"/short.tgz", "buildpack/archive-damaged")
	fails(t, o, srv.URL+"/page.tgz", "buildpack/archive-format")
	fails(t, o, srv.URL+"/evil.tgz", "buildpack/archive-refused", `"../evil"`)
	fails(t, o, "https://127.0.0.1:1/bp.tgz", "buildpack/unreachable", "127.0.0.1")
}

// TestDamagedCopy fetches again what was changed in the store, and says it if that is another by now.
func TestDamagedCopy(t *testing.T) {
	t.Parallel()
	srv := serve(t, map[string][]byte{"/bp.tgz": gzipped(t, tarball(t, "", cnb))})
	home := t.TempDir()
	damage := func() {
		sh(t, home, "for f in */tree/bin/build; do echo evil >> $f; done")
	}
	first := open(t, home, reference.Options{})
	want := take(t, first, srv.URL+"/bp.tgz").Digest
	first.Close() // nobody replaces what is in use
	damage()
	store := open(t, home, reference.Options{})
	if p, err := try(t.Context(), store, srv.URL+"/bp.tgz", "/"); err != nil ||
		p.Digest != want || sh(t, p.Buildpacks[0].Dir, "cat bin/build") != "#!/bin/sh" {
		t.Errorf("got %+v, %v", p, err)
	} else {
		store.Close()
	}
	damage()
	srv.put("/bp.tgz", gzipped(t, tarball(t, "", classic)))
	var notes []string
	o := reference.Options{Note: func(line string) { notes = append(notes, line) }}
	p, err := try(t.Context(), open(t, home, o), srv.URL+"/bp.tgz", "/")
	if err != nil || p.Digest == want || len(notes) != 2 || !strings.Contains(notes[1], "is another file than") {
		t.Errorf("got %+v, %v, %q", p, err, notes)
	}
}

// TestAtOnce has many processes' worth of stores take the same thing.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	srv := serve(t, map[string][]byte{"/bp.tgz": gzipped(t, tarball(t, "", cnb))})
	home := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		s := open(t, home, reference.Options{})
		wg.Go(func() {
			if _, err := try(t.Context(), s, srv.URL+"/bp.tgz", "/"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if srv.requests() != 1 {
		t.Errorf("%d requests", srv.requests())
	}
}
