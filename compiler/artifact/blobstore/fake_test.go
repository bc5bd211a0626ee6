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

	"slugc/compiler/artifact/blobstore/blobstoretest"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // Go's HTTP client complains there about answers
	os.Exit(m.Run())
}

// fakeServer is a server whose answers a test changes. Package servertest has the real servers.
type fakeServer struct {
	*httptest.Server
	url string

	mu         sync.Mutex
	intercepts interceptor // nil: none
	asked      []string    // METHOD path
}

// interceptor answers a request itself, or lets the true server do it.
type interceptor func(w http.ResponseWriter, r *http.Request, server http.Handler)

// intercept sets how requests are answered from now on.
func (f *fakeServer) intercept(i interceptor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.intercepts, f.asked = i, nil
}

func (f *fakeServer) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// fakes are servers of both protocols.
var fakes = map[string]func(t testing.TB) *fakeServer{
	"s3": func(t testing.TB) *fakeServer {
		f := newFake(t, &s3Server{kept: map[string][]byte{}})
		f.url = "s3://bucket/some/where?endpoint=" + f.URL
		return f
	},
	"oci": func(t testing.TB) *fakeServer {
		f := newFake(t, registry.New(registry.Logger(log.New(io.Discard, "", 0))))
		f.url = "oci://" + strings.TrimPrefix(f.URL, "http://") + "/some/where"
		return f
	},
}

func newFake(t testing.TB, answer http.Handler) *fakeServer {
	f := &fakeServer{}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		intercept := f.intercepts
		f.asked = append(f.asked, r.Method+" "+r.URL.Path)
		f.mu.Unlock()
		if intercept != nil {
			intercept(w, r, answer)
			return
		}
		answer.ServeHTTP(w, r)
	}))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.Start()
	t.Cleanup(f.Close)
	return f
}

// s3Server answers as S3 does without credentials.
type s3Server struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func (o *s3Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

// isPart reports whether a request asks for or sends a part, of either protocol.
func isPart(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/parts/") || strings.Contains(r.URL.Path, "/blobs/")
}

// sends reports whether a request carries a part's bytes.
func sends(r *http.Request) bool {
	return isPart(r) && (r.Method == http.MethodPut && r.ContentLength > 0 || r.Method == http.MethodPatch)
}

// fetches reports whether a request asks for a part's bytes.
func fetches(r *http.Request) bool { return isPart(r) && r.Method == http.MethodGet }

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

// changed answers with the true answer's body as change returns it, under the true length if lie is
// set.
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

// quick are options for tests of failures: with hardly any pause.
var quick = Options{tries: 3, pause: time.Millisecond, idle: 20 * time.Second}

func open(t testing.TB, url string, o Options) Store {
	t.Helper()
	s, err := Open(url, o)
	check(t, err)
	return s
}

// put puts a slug, which must work.
func put(t testing.TB, s Store, p blobstoretest.Slug) string {
	t.Helper()
	url, _, err := s.Put(t.Context(), p.File, p.Digest)
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

// check ends the test on an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
