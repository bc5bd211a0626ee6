// Package mirror serves packages on loopback that it fetches once and keeps on disk: those of an npm
// registry, and what a Go module proxy has. After [Mirror.Offline] nothing is fetched, so that no
// network is in what is measured.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"

	"slugc/cache/disk"
)

// Mirror is a server. All methods may be called concurrently.
type Mirror struct {
	URL string // "http://127.0.0.1:…", without a slash at the end

	dir      string
	upstream string
	npm      bool
	offline  atomic.Bool
	server   *http.Server
}

// Serve mirrors a module proxy in dir, which it makes. upstream is the proxy's URL.
func Serve(dir, upstream string) (*Mirror, error) { return start(dir, upstream, false) }

func start(dir, upstream string, npm bool) (*Mirror, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &Mirror{
		URL: "http://" + listener.Addr().String(), dir: dir, upstream: strings.TrimRight(upstream, "/"), npm: npm,
	}
	m.server = &http.Server{Handler: m}
	go func() { _ = m.server.Serve(listener) }()
	return m, nil
}

// Close ends the server.
func (m *Mirror) Close() { _ = m.server.Close() }

// Offline makes the mirror serve only what it has.
func (m *Mirror) Offline() { m.offline.Store(true) }

// ServeHTTP serves a file, and fetches it before if need be.
func (m *Mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "this mirror is only read", http.StatusMethodNotAllowed)
		return
	}
	file, err := m.Keep(r.Context(), r.URL.Path, r.Header.Get("Accept"))
	status, answered := errors.AsType[statusError](err)
	switch {
	case err == nil:
		m.serve(w, r, file)
	case answered:
		http.Error(w, status.Error(), int(status))
	default:
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// statusError is an answer of the upstream server other than 200.
type statusError int

func (s statusError) Error() string { return http.StatusText(int(s)) }

// serve sends a file of the mirror's.
func (m *Mirror) serve(w http.ResponseWriter, r *http.Request, file string) {
	if !m.packument(r.URL.Path) {
		http.ServeFile(w, r, file)
		return
	}
	data, err := os.ReadFile(file)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(m.here(data))
}

// Keep returns the file of a path such as "/chi/-/chi-1.0.0.tgz", and fetches it first if the mirror
// does not have it. accept is the header of the request, which an npm registry goes by.
func (m *Mirror) Keep(ctx context.Context, urlPath, accept string) (string, error) {
	if clean := path.Clean("/" + urlPath); clean != urlPath {
		return "", statusError(http.StatusNotFound)
	}
	file := filepath.Join(m.dir, filepath.FromSlash(m.name(urlPath, accept)))
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	if m.offline.Load() {
		return "", statusError(http.StatusNotFound)
	}
	return file, m.fetch(ctx, urlPath, accept, file)
}

// name is a path's file. A packument is a file beside the directory of its tarballs.
func (m *Mirror) name(urlPath, accept string) string {
	switch {
	case !m.packument(urlPath):
		return urlPath
	case strings.Contains(accept, abbreviated):
		return urlPath + ".short.json"
	}
	return urlPath + ".json"
}

// fetch gets a file from the upstream server.
func (m *Mirror) fetch(ctx context.Context, urlPath, accept, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.upstream+escape(urlPath), nil)
	if err != nil {
		return err
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("fetching %s: %w", urlPath, errors.Unwrap(err)) // without the host's name
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return statusError(response.StatusCode)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	data, err := io.ReadAll(response.Body)
	if err == nil && m.packument(urlPath) {
		data, err = moved(data)
	}
	if err != nil {
		return fmt.Errorf("fetching %s: %w", urlPath, err)
	}
	return disk.WriteFile(file, data, 0o644)
}

// escape is a path as it is written in a URL. The slash after a scope is none of the path's.
func escape(urlPath string) string {
	name := strings.TrimPrefix(urlPath, "/")
	if scope, rest, scoped := strings.Cut(name, "/"); strings.HasPrefix(scope, "@") && scoped &&
		!strings.Contains(rest, "/") {
		return "/" + scope + "%2f" + rest
	}
	return (&url.URL{Path: urlPath}).EscapedPath()
}
