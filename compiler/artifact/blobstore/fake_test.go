package blobstore

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// fake is a server whose answers a test spoils; the servers that answer as they should are real
// (see kinds).
type fake struct {
	*httptest.Server
	url string

	mu    sync.Mutex
	spoil func(w http.ResponseWriter, r *http.Request, answer http.Handler) // nil: not at all
	asked []string                                                          // METHOD path
}

// spoilt sets how requests are answered from now on.
func (f *fake) spoilt(spoil func(w http.ResponseWriter, r *http.Request, answer http.Handler)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spoil, f.asked = spoil, nil
}

func (f *fake) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// fakes are servers of both protocols.
var fakes = map[string]func(t testing.TB) *fake{
	"s3": func(t testing.TB) *fake {
		f := newFake(t, &objects{kept: map[string][]byte{}})
		f.url = "s3://bucket/some/where?endpoint=" + f.URL
		return f
	},
	"oci": func(t testing.TB) *fake {
		f := newFake(t, registry.New(registry.Logger(log.New(io.Discard, "", 0))))
		f.url = "oci://" + strings.TrimPrefix(f.URL, "http://") + "/some/where"
		return f
	},
}

func newFake(t testing.TB, answer http.Handler) *fake {
	f := &fake{}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		spoil := f.spoil
		f.asked = append(f.asked, r.Method+" "+r.URL.Path)
		f.mu.Unlock()
		if spoil != nil {
			spoil(w, r, answer)
			return
		}
		answer.ServeHTTP(w, r)
	}))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.Start()
	t.Cleanup(f.Close)
	return f
}

// objects answers as S3 does to one who gives no credentials.
type objects struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func (o *objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		o.kept[r.URL.Path] = b
	case http.MethodGet, http.MethodHead:
		b, ok := o.kept[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
		http.ServeContent(w, r, "", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), strings.NewReader(string(b)))
	}
}

// isPart says whether a request asks for or sends a part, of either protocol.
func isPart(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/parts/") || strings.Contains(r.URL.Path, "/blobs/")
}

// sends says whether a request carries a part's bytes.
func sends(r *http.Request) bool {
	return isPart(r) && (r.Method == http.MethodPut && r.ContentLength > 0 || r.Method == http.MethodPatch)
}

// fetches says whether a request asks for a part's bytes.
func fetches(r *http.Request) bool { return isPart(r) && r.Method == http.MethodGet }

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

// changed answers with what the true answer's body becomes, under the true length if lie is set.
func changed(w http.ResponseWriter, r *http.Request, answer http.Handler, lie bool, change func([]byte) []byte) {
	rec := httptest.NewRecorder()
	answer.ServeHTTP(rec, r)
	b := change(rec.Body.Bytes())
	for k, v := range rec.Header() {
		if lie || k != "Content-Length" {
			w.Header()[k] = v
		}
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(b)
}

// quick is for tests of failures: hardly any pause.
var quick = Options{tries: 3, pause: time.Millisecond, idle: 20 * time.Second}

func open(t testing.TB, url string, o Options) Store {
	t.Helper()
	s, err := Open(url, o)
	check(t, err)
	return s
}

// put puts a slug where all is well.
func put(t testing.TB, s Store, p packed) string {
	t.Helper()
	url, _, err := s.Put(t.Context(), p.file, p.digest)
	check(t, err)
	return url
}

// empty requires that nothing was left in a directory.
func empty(t testing.TB, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if check(t, err); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func target(t testing.TB) string { return filepath.Join(t.TempDir(), "slug.tgz") }
