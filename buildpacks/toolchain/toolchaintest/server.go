package toolchaintest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/note"

	"slugc/buildpacks/toolchain"
	"slugc/cache/digest"
)

// Server serves published toolchains: below /node in nodejs.org's layout, below /npm an npm
// registry, below /goproxy a module proxy that relays the checksum database "sums.test", below
// /godl in go.dev's layout, and whatever else is [Server.Put] there.
type Server struct {
	URL       string
	SumDBKey  string // public
	SecretKey string // of the checksum database

	t        testing.TB
	mu       sync.Mutex
	docs     map[string][]byte           // by path
	faults   map[string]http.HandlerFunc // by path, instead of the document
	requests map[string]int              // by path
	headers  map[string]http.Header      // the last request's, by path
	sums     map[string]string           // go.sum lines by module version

	packages  map[string]map[string]any // npm packages: manifests by version
	nodeIndex []map[string]any
	goIndex   []map[string]any
	goModules []string
}

// NewServer starts a server with nothing on it.
func NewServer(t testing.TB) *Server {
	t.Helper()
	secret, public, err := note.GenerateKey(nil, "sums.test")
	if err != nil {
		t.Fatal(err)
	}
	return NewSignedServer(t, secret, public)
}

// NewSignedServer is NewServer with these keys of its checksum database.
func NewSignedServer(t testing.TB, secret, public string) *Server {
	s := &Server{
		SumDBKey: public, SecretKey: secret, t: t,
		docs: map[string][]byte{}, faults: map[string]http.HandlerFunc{}, requests: map[string]int{},
		headers: map[string]http.Header{}, sums: map[string]string{}, packages: map[string]map[string]any{},
	}
	db := sumdb.NewServer(sumdb.NewTestServer(secret, func(path, version string) ([]byte, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if h := s.sums[version]; h != "" {
			return fmt.Appendf(nil, "%s %s %s\n%s %s/go.mod %s\n", path, version, h, path, version, h), nil
		}
		return nil, os.ErrNotExist
	}))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { s.serve(rw, r, db) }))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func (s *Server) serve(rw http.ResponseWriter, r *http.Request, db http.Handler) {
	s.mu.Lock()
	s.requests[r.URL.Path]++
	s.headers[r.URL.Path] = r.Header.Clone()
	fault, doc := s.faults[r.URL.Path], s.docs[r.URL.Path]
	s.mu.Unlock()
	switch rest, relay := strings.CutPrefix(r.URL.Path, "/goproxy/sumdb/sums.test"); {
	case fault != nil:
		fault(rw, r)
	case relay && rest == "/supported":
	case relay:
		http.StripPrefix("/goproxy/sumdb/sums.test", db).ServeHTTP(rw, r)
	case doc == nil:
		http.NotFound(rw, r)
	default:
		rw.Header().Set("Etag", `"`+digest.Of(doc).Short()+`"`)
		http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(doc))
	}
}

// Put serves a document, or changes it.
func (s *Server) Put(path string, doc []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[path] = doc
}

// PutJSON serves a value as JSON.
func (s *Server) PutJSON(path string, v any) {
	s.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Put(path, b)
}

// Documents returns a copy of what is served, by path.
func (s *Server) Documents() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	docs := map[string][]byte{}
	for path, doc := range s.docs {
		docs[path] = bytes.Clone(doc)
	}
	return docs
}

// Requests counts the requests for a path.
func (s *Server) Requests(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[path]
}

// AllRequests counts all requests.
func (s *Server) AllRequests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.requests {
		n += c
	}
	return n
}

// Header is that of the last request for a path.
func (s *Server) Header(path string) http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.headers[path]
}

// SetSum makes the checksum database state a hash for a module version; "" makes it know none.
func (s *Server) SetSum(version, hash string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums[version] = hash
}

// Sum is what the checksum database states for a module version.
func (s *Server) Sum(version string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sums[version]
}

// Settings point at the server and at nothing else. Their clock stands still.
func (s *Server) Settings() toolchain.Settings {
	return toolchain.Settings{
		NodeDist: s.URL + "/node", GoDist: s.URL + "/godl", GoProxy: s.URL + "/goproxy", GoSumDB: s.SumDBKey,
		NpmRegistry: func(context.Context) (string, error) { return s.URL + "/npm/", nil },
		JDKMirror:   "off", LeinMirror: "off", ClojureMirror: "off",
		OS: "linux", Arch: "amd64", Stall: 5 * time.Second, Retry: time.Millisecond,
		Now: func() time.Time { return time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC) },
	}
}

// Open opens a store with the server's settings, as change changes them.
func (s *Server) Open(dir string, change ...func(*toolchain.Settings)) *toolchain.Store {
	s.t.Helper()
	set := s.Settings()
	for _, c := range change {
		c(&set)
	}
	st, err := toolchain.Open(dir, set)
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}
