package buildpacktest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// FileServer is a source of packages on loopback. It records what is asked for, and may want a password or be
// broken.
type FileServer struct {
	URL string // "http://127.0.0.1:…"

	mu             sync.Mutex
	requests       []string
	user, password string // "" for a public server
	broken         string // paths with it meet the fault
	fault          Fault  // nil for none
	files          http.Handler
}

// ServeFiles serves files until the test ends. realm is what it calls itself when it asks for a
// password.
func ServeFiles(t testing.TB, realm string, files http.Handler) *FileServer {
	t.Helper()
	s := &FileServer{files: files}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.admits(r) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", realm))
			http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
			return
		}
		s.answer(r.URL.Path).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Protect makes the server ask for a user and a password.
func (s *FileServer) Protect(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user, s.password = user, password
}

// Requests returns the paths that were asked for since the last call.
func (s *FileServer) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.requests
	s.requests = nil
	return requests
}

// admits records a request and reports whether its password is right.
func (s *FileServer) admits(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.URL.Path)
	user, password, _ := r.BasicAuth()
	return s.user == "" && s.password == "" || user == s.user && password == s.password
}
