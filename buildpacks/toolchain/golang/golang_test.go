package golang_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/golang"
	"slugc/buildpacks/toolchain/source"
	"slugc/buildpacks/toolchain/toolchaintest"
)

func TestGoConstraints(t *testing.T) {
	tool := golang.Tool(&source.Env{}, golang.Settings{})
	versions := []string{
		"1.9.1",
		"1.20",
		"1.20.14",
		"1.24.11",
		"1.25.0",
		"1.25.1",
		"1.25.3",
		"1.25.14",
		"1.26.0",
		"1.26.11",
		"1.27rc1",
	}
	for _, c := range []struct{ in, want, exact string }{
		{"", "1.26.11", ""}, {"latest", "1.26.11", ""}, {"*", "1.26.11", ""},
		{"1.25", "1.25.14", ""}, {"go1.25", "1.25.14", ""}, {"1.25.x", "1.25.14", ""}, {"1.20", "1.20.14", ""},
		{"1.25.1", "1.25.1", "1.25.1"}, {"go1.25.1", "1.25.1", "1.25.1"}, {"=1.25.1", "1.25.1", "1.25.1"}, {"1.20.0", "1.20", "1.20"},
		{"1.25.2", "", "1.25.2"}, {"1.27rc1", "1.27rc1", "1.27rc1"}, {"1.27", "", ""},
		{">=1.25.3 <1.26", "1.25.14", ""}, {"1.25 >=1.25.3", "1.25.14", ""}, {">= 1.24, < 1.25", "1.24.11", ""}, {">=1.24", "1.26.11", ""},
		{"<1.25", "1.24.11", ""}, {"<=1.25.2", "1.25.1", ""}, {">1.26.11", "", ""}, {">=1.27rc1 <1.28", "1.27rc1", ""},
	} {
		got, _, exact, err := toolchaintest.Pick(tool, c.in, source.Listing{Versions: versions})
		if err != nil || got != c.want || exact != c.exact {
			t.Errorf("%q = %q, exact %q, %v; want %q, %q", c.in, got, exact, err, c.want, c.exact)
		}
	}
	for _, bad := range []string{"two", "1.25.1.1", "devel-abc", "=>1.25", "^1.25", "../x", strings.Repeat(">=1.1 ", 17)} {
		if got, _, _, err := toolchaintest.Pick(tool, bad, source.Listing{Versions: versions}); err == nil {
			t.Errorf("%q = %q, want an error", bad, got)
		}
	}
}

func TestGoThroughProxy(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	for _, v := range []string{"1.25.1", "1.25.14", "1.26.0"} {
		srv.AddGoModule(v)
	}
	got, h := toolchaintest.Get(t, srv.Open(t.TempDir()), "go", "1.25")
	if got.Version != "1.25.14" || got.Source != "go module proxy" || !strings.HasPrefix(got.Digest, "h1:") ||
		h.Text() != "" {
		t.Errorf("got %+v, notes %q", got, h.Text())
	}
	for p, mode := range map[string]os.FileMode{
		"bin/go": 0o755, "pkg/tool/linux_amd64/compile": 0o755, "src/go.mod": 0o644, "src/cmd/go.mod": 0o644, "src/fmt/print.go": 0o644,
	} {
		if info, err := os.Stat(filepath.Join(got.Dir, p)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
	if srv.Requests("/goproxy/sumdb/sums.test/supported") != 1 {
		t.Error("the database was not asked through the proxy")
	}
}

// TestGoChecksums has the checksum database object, absent, exempted and replaced.
func TestGoChecksums(t *testing.T) {
	const mv = "v0.0.1-go1.25.1.linux-amd64"
	for _, c := range []struct {
		name   string
		world  func(srv *toolchaintest.Server)
		change func(s *toolchain.Settings)
		want   string // in the error, "" for none
		note   string
	}{
		{"tampered", func(srv *toolchaintest.Server) { srv.SetSum(mv, "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=") }, nil, "it has the digest h1:", ""},
		{"unknown", func(srv *toolchaintest.Server) { srv.SetSum(mv, "") }, nil, "by the checksum database", ""},
		{"unreachable", func(srv *toolchaintest.Server) {
			srv.Break("/goproxy/sumdb/sums.test/supported", toolchaintest.Status(404))
		},
			func(s *toolchain.Settings) { s.GoSumDB += " http://127.0.0.1:1" }, "127.0.0.1:1", ""},
		{"other key", nil, func(s *toolchain.Settings) {
			s.GoSumDB = "sums.test+0d4bd4e7+AXmkBbhPPb8bP5rKj0RlbXjVA7CmSiUT3hGRdaLWiCf6"
		}, "GOSUMDB", ""},
		{"unknown key", nil, func(s *toolchain.Settings) { s.GoSumDB = "sums.test" }, "write name+hash+key", ""},
		{"none", nil, func(s *toolchain.Settings) { s.GoSumDB = "" }, "GOSUMDB is neither", ""},
		{"off", func(srv *toolchaintest.Server) { srv.SetSum(mv, "") }, func(s *toolchain.Settings) { s.GoSumDB = "off" }, "", "is off"},
		{"exempt", func(srv *toolchaintest.Server) { srv.SetSum(mv, "") }, func(s *toolchain.Settings) { s.GoNoSumDB = "x.test,golang.org/*" }, "", "exempts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := toolchaintest.NewServer(t)
			srv.AddGoModule("1.25.1")
			if c.world != nil {
				c.world(srv)
			}
			dir := t.TempDir()
			change := func(s *toolchain.Settings) {
				s.GoDist = "off"
				if c.change != nil {
					c.change(s)
				}
			}
			if c.want == "" {
				if _, h := toolchaintest.Get(t, srv.Open(dir, change), "go", "1.25"); !strings.Contains(h.Text(), c.note) {
					t.Errorf("notes %q, want %q", h.Text(), c.note)
				}
				return
			}
			if err := toolchaintest.Fails(t, srv.Open(dir, change), "go", "1.25"); !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q in it", err, c.want)
			}
			if held, _ := srv.Open(dir).List(); len(held) > 0 {
				t.Errorf("the store has %v", held)
			}
		})
	}
}

// TestGoDatabaseItself asks the database directly, where the proxy does not relay it.
func TestGoDatabaseItself(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	srv.AddGoModule("1.25.1")
	srv.Break("/goproxy/sumdb/sums.test/supported", toolchaintest.Status(404))
	direct := func(s *toolchain.Settings) { s.GoSumDB += " " + srv.URL + "/goproxy/sumdb/sums.test" }
	dir := t.TempDir()
	toolchaintest.Get(t, srv.Open(dir, direct), "go", "1.25.1")
	// A second release is checked against the tree that the first left behind.
	srv.AddGoModule("1.25.3")
	toolchaintest.Get(t, srv.Open(dir, direct), "go", "1.25.3")
}

// TestForkedDatabase has the database sign another history than the one that the store has seen.
func TestForkedDatabase(t *testing.T) {
	dir := t.TempDir()
	srv := toolchaintest.NewServer(t)
	srv.AddGoModule("1.25.1")
	srv.AddGoModule("1.25.3")
	toolchaintest.Get(t, srv.Open(dir), "go", "1.25.1")
	toolchaintest.Get(t, srv.Open(dir), "go", "1.25.3")
	fork := toolchaintest.NewSignedServer(t, srv.SecretKey, srv.SumDBKey)
	fork.AddGoModule("1.25.4")
	fork.AddGoModule("1.25.5")
	fork.AddGoModule("1.25.6")
	off := func(s *toolchain.Settings) { s.GoDist = "off" }
	for _, v := range []string{"1.25.4", "1.25.5", "1.25.6"} {
		if err := toolchaintest.Fails(t, fork.Open(dir, off), "go", v); !strings.Contains(err.Error(), "checksum database") {
			t.Error(err)
		}
	}
}

func TestGoProxyList(t *testing.T) {
	refuse := func(srv *toolchaintest.Server) {
		srv.Break("/goproxy/golang.org/toolchain/@v/list", toolchaintest.Status(http.StatusForbidden))
	}
	for _, c := range []struct {
		name, constraint, want string
		world                  func(srv *toolchaintest.Server)
		change                 func(srv *toolchaintest.Server, s *toolchain.Settings)
	}{
		{"listed", "1.25", "1.25.4", nil, nil},
		{"refused, line", "1.25", "1.25.4", refuse, nil},
		{"refused, exact", "1.25.1", "1.25.1", refuse, nil},
		{"refused, range", ">=1.25.1 <1.27", "1.26.1", refuse, nil},
		{"refused, open", "", "1.27.0", refuse, nil},
		{"refused, upper bound", "<1.26", "1.25.4", refuse, nil},
		{"empty", "1.25", "1.25.4", func(srv *toolchaintest.Server) { srv.Put("/goproxy/golang.org/toolchain/@v/list", []byte("\n")) }, nil},
		{"served though not listed", "1.25.1", "1.25.1", func(srv *toolchaintest.Server) {
			srv.Put("/goproxy/golang.org/toolchain/@v/list", []byte("v0.0.1-go1.25.4.linux-amd64\n"))
		}, nil},
		{"second proxy after 404", "1.25", "1.25.4", nil, func(srv *toolchaintest.Server, s *toolchain.Settings) {
			s.GoProxy = srv.URL + "/nothing,direct," + s.GoProxy
		}},
		{"second proxy after any error", "1.25", "1.25.4", nil, func(srv *toolchaintest.Server, s *toolchain.Settings) {
			s.GoProxy = "http://127.0.0.1:1|" + s.GoProxy + ",off"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := toolchaintest.NewServer(t)
			for _, v := range []string{"1.25.0", "1.25.1", "1.25.4", "1.26.0", "1.26.1", "1.27.0"} {
				srv.AddGoModule(v)
			}
			if c.world != nil {
				c.world(srv)
			}
			st := srv.Open(t.TempDir(), func(s *toolchain.Settings) {
				s.GoDist = "off"
				if c.change != nil {
					c.change(srv, s)
				}
			})
			if got, _ := toolchaintest.Get(t, st, "go", c.constraint); got.Version != c.want {
				t.Errorf("got %s, want %s", got.Version, c.want)
			}
		})
	}
}

func TestGoProxyRefuses(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	srv.AddGoModule("1.25.1")
	for _, c := range []struct{ proxy, want string }{
		{"http://127.0.0.1:1," + srv.URL + "/goproxy", "127.0.0.1:1"}, // a comma crosses 404 and 410 alone
		{"off", "go module proxy: GOPROXY is off"},
		{"direct", "no source is configured"},
		{"", "no source is configured"},
	} {
		st := srv.Open(t.TempDir(), func(s *toolchain.Settings) { s.GoDist, s.GoProxy = "off", c.proxy })
		if err := toolchaintest.Fails(t, st, "go", "1.25"); !strings.Contains(err.Error(), c.want) {
			t.Errorf("GOPROXY=%s: %v, want %q", c.proxy, err, c.want)
		}
	}
}

func TestGoFromDisk(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	srv.AddGoModule("1.25.1")
	root := t.TempDir()
	for p, doc := range srv.Documents() {
		file := filepath.Join(root, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, doc, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	st := srv.Open(t.TempDir(), func(s *toolchain.Settings) { s.GoProxy, s.GoSumDB = "file://"+root+"/goproxy", "off" })
	if got, _ := toolchaintest.Get(t, st, "go", "1.25"); got.Version != "1.25.1" || srv.AllRequests() != 0 {
		t.Errorf("got %+v after %d requests", got, srv.AllRequests())
	}
}

func TestGoFromDistribution(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	srv.AddGo("1.25.3")
	srv.AddGo("1.26rc1")
	got, h := toolchaintest.Get(t, srv.Open(t.TempDir()), "go", "")
	if got.Version != "1.25.3" || got.Source != "go.dev" || !strings.HasPrefix(got.Digest, "sha256:") {
		t.Errorf("got %+v", got)
	}
	if !strings.HasPrefix(h.Text(), "go module proxy: ") {
		t.Errorf("notes %q", h.Text())
	}
}

func TestGoOfTheMachine(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "bin", "go"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	local := func(s *toolchain.Settings) {
		s.LocalGo = toolchain.LocalGo{Root: root, Version: "go1.26.8 X:nodwarf5"}
		s.GoProxy = "http://127.0.0.1:1"
		s.GoDist = "http://127.0.0.1:1"
	}
	for range 2 { // the second time by the choice of the first
		got, _ := toolchaintest.Get(t, srv.Open(dir, local), "go", "1.26")
		if got.Dir != root || got.Version != "1.26.8" || got.Source != "this machine" {
			t.Errorf("got %+v", got)
		}
	}
	err := toolchaintest.Fails(t, srv.Open(dir, local), "go", "1.27")
	if no, ok := errors.AsType[*toolchain.Unavailable](err); !ok || !strings.Contains(err.Error(), "this machine: its Go is 1.26.8") || !no.Transient() {
		t.Errorf("got %v", err)
	}
}
