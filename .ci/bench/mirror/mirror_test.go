package mirror_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"slugc/.ci/bench/mirror"
)

// registry is an upstream server that has one package, and says what it was asked for.
type registry struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func serve(t *testing.T) *registry {
	t.Helper()
	r := &registry{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, q.URL.EscapedPath())
		switch q.URL.Path {
		case "/npm/@acme/toy":
			fmt.Fprintf(w, `{"name":"@acme/toy","versions":{"1.0.0":{"bin":"x","dist":{"integrity":"sha512-x",`+
				`"tarball":"%s/elsewhere/toy-1.0.0.tgz"}}}}`, r.URL)
		case "/npm/@acme/toy/-/toy-1.0.0.tgz", "/npm/example.com/!toy/@v/v1.0.0.zip":
			fmt.Fprint(w, "bytes")
		default:
			http.Error(w, "", http.StatusForbidden)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// TestNPM: a packument names the mirror's own tarballs, and both are fetched once, also for the next mirror.
func TestNPM(t *testing.T) {
	upstream, dir := serve(t), t.TempDir()
	for round := range 2 {
		m, err := mirror.ServeNPM(dir, upstream.URL+"/npm/")
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if round == 1 {
			m.Offline()
		}
		tarball := m.URL + mirror.Tarball("@acme/toy", "1.0.0")
		status, packument := get(t, m.URL+"/@acme%2ftoy")
		if status != http.StatusOK || !strings.Contains(packument, `"tarball":"`+tarball+`"`) ||
			!strings.Contains(packument, `"bin":"x"`) {
			t.Errorf("round %d: %d %s", round, status, packument)
		}
		if status, body := get(t, tarball); status != http.StatusOK || body != "bytes" {
			t.Errorf("round %d: %d %q", round, status, body)
		}
	}
	want := []string{"/npm/@acme%2ftoy", "/npm/@acme/toy/-/toy-1.0.0.tgz"}
	if !slices.Equal(upstream.seen, want) {
		t.Errorf("the registry is asked for %q", upstream.seen)
	}
}

// TestProxy: what is not there has the upstream's answer, and is asked for again; offline it is not there.
func TestProxy(t *testing.T) {
	upstream := serve(t)
	m, err := mirror.Serve(t.TempDir(), upstream.URL+"/npm")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for path, want := range map[string]int{
		"/example.com/!toy/@v/v1.0.0.zip": http.StatusOK,
		"/example.com/!toy/@v/list":       http.StatusForbidden,
	} {
		if status, _ := get(t, m.URL+path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	m.Offline()
	if status, _ := get(t, m.URL+"/example.com/!toy/@v/list"); status != http.StatusNotFound {
		t.Errorf("offline: %d", status)
	}
	if status, body := get(t, m.URL+"/example.com/!toy/@v/v1.0.0.zip"); status != http.StatusOK || body != "bytes" {
		t.Errorf("offline: %d %q", status, body)
	}
}

// TestNoPathOut: a path leads to no file outside.
func TestNoPathOut(t *testing.T) {
	m, err := mirror.Serve(t.TempDir(), "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if file, err := m.Keep(t.Context(), "/../../etc/passwd", ""); err == nil {
		t.Errorf("%s is served", file)
	}
}
