package golang_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/golang"
	"slugc/buildpacks/toolchain/source"
	"slugc/buildpacks/toolchain/toolchaintest"
	"slugc/cache/testkit"
)

func TestConstraints(t *testing.T) {
	t.Parallel()
	l := source.Listing{Versions: []string{
		"1.9.1", "1.20", "1.20.14", "1.24.11", "1.25.0", "1.25.1", "1.25.3", "1.25.14", "1.26.0", "1.26.11", "1.27rc1",
	}}
	toolchaintest.CheckPicks(t, golang.Tool(&source.Env{}, golang.Settings{}), l, [][3]string{
		{"", "1.26.11", ""},
		{"latest", "1.26.11", ""},
		{"*", "1.26.11", ""},
		{"1.25", "1.25.14", ""},
		{"go1.25", "1.25.14", ""},
		{"1.25.x", "1.25.14", ""},
		{"1.20", "1.20.14", ""},
		{"1.25.1", "1.25.1", "1.25.1"},
		{"go1.25.1", "1.25.1", "1.25.1"},
		{"=1.25.1", "1.25.1", "1.25.1"},
		{"1.20.0", "1.20", "1.20"},
		{"1.25.2", "", "1.25.2"},
		{"1.27rc1", "1.27rc1", "1.27rc1"},
		{"1.27", "", ""},
		{">=1.25.3 <1.26", "1.25.14", ""},
		{"1.25 >=1.25.3", "1.25.14", ""},
		{">= 1.24, < 1.25", "1.24.11", ""},
		{">=1.24", "1.26.11", ""},
		{"<1.25", "1.24.11", ""},
		{"<=1.25.2", "1.25.1", ""},
		{">1.26.11", "", ""},
		{">=1.27rc1 <1.28", "1.27rc1", ""},
	}, "two", "1.25.1.1", "devel-abc", "=>1.25", "^1.25", "../x", strings.Repeat(">=1.1 ", 17))
}

func TestProxy(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	for _, v := range []string{"1.25.1", "1.25.14", "1.26.0"} {
		srv.AddGoModule(v)
	}
	got, recorder := toolchaintest.Get(t, srv.Open(t.TempDir()), "go", "1.25")
	if got.Version != "1.25.14" || got.Source != "go module proxy" || !strings.HasPrefix(got.Digest, "h1:") {
		t.Errorf("got %+v", got)
	}
	if recorder.Text() != "" {
		t.Errorf("notes %q", recorder.Text())
	}
	for name, mode := range map[string]os.FileMode{
		"bin/go": 0o755, "pkg/tool/linux_amd64/compile": 0o755,
		"src/go.mod": 0o644, "src/cmd/go.mod": 0o644, "src/fmt/print.go": 0o644,
	} {
		if info, err := os.Stat(filepath.Join(got.Dir, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if srv.Requests(relay+"/supported") != 1 {
		t.Error("the database was not asked through the proxy")
	}
}

const (
	relay = "/goproxy/sumdb/sums.test"
	list  = "/goproxy/golang.org/toolchain/@v/list"
)

func onlyProxy(s *toolchain.Settings) { s.GoDist = "off" }

// sumDB changes GOSUMDB.
func sumDB(setting string) func(*toolchaintest.Server, *toolchain.Settings) {
	return func(_ *toolchaintest.Server, s *toolchain.Settings) { s.GoSumDB = setting }
}

// TestChecksums has the checksum database object, absent, exempted and replaced.
func TestChecksums(t *testing.T) {
	t.Parallel()
	const module = "v0.0.1-go1.25.1.linux-amd64"
	unknown := func(srv *toolchaintest.Server, _ *toolchain.Settings) { srv.SetSum(module, "") }
	for name, c := range map[string]struct {
		change    func(srv *toolchaintest.Server, s *toolchain.Settings)
		err, note string // what is in it; without err Go is served
	}{
		"tampered": {func(srv *toolchaintest.Server, _ *toolchain.Settings) {
			srv.SetSum(module, "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
		}, "it has the digest h1:", ""},
		"unknown": {unknown, "by the checksum database", ""},
		"unreachable": {func(srv *toolchaintest.Server, s *toolchain.Settings) {
			srv.Break(relay+"/supported", toolchaintest.Status(404))
			s.GoSumDB += " http://127.0.0.1:1"
		}, "127.0.0.1:1", ""},
		"another key": {sumDB("sums.test+0d4bd4e7+AXmkBbhPPb8bP5rKj0RlbXjVA7CmSiUT3hGRdaLWiCf6"), "GOSUMDB", ""},
		"unknown key": {sumDB("sums.test"), "write name+hash+key", ""},
		"none":        {sumDB(""), "GOSUMDB is neither", ""},
		"off": {func(srv *toolchaintest.Server, s *toolchain.Settings) {
			unknown(srv, s)
			s.GoSumDB = "off"
		}, "", "is off"},
		"exempt": {func(srv *toolchaintest.Server, s *toolchain.Settings) {
			unknown(srv, s)
			s.GoNoSumDB = "x.test,golang.org/*"
		}, "", "exempts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, dir := toolchaintest.NewServer(t), t.TempDir()
			srv.AddGoModule("1.25.1")
			st := srv.Open(dir, onlyProxy, func(s *toolchain.Settings) { c.change(srv, s) })
			if c.err == "" {
				if _, recorder := toolchaintest.Get(t, st, "go", "1.25"); !strings.Contains(recorder.Text(), c.note) {
					t.Errorf("notes %q, want %q", recorder.Text(), c.note)
				}
				return
			}
			toolchaintest.Fails(t, st, "go", "1.25", c.err)
			if held, _ := srv.Open(dir).List(); len(held) > 0 {
				t.Errorf("the store has %v", held)
			}
		})
	}
}

// TestDatabaseItself asks the database directly, where the proxy does not relay it.
func TestDatabaseItself(t *testing.T) {
	t.Parallel()
	srv, dir := toolchaintest.NewServer(t), t.TempDir()
	srv.Break(relay+"/supported", toolchaintest.Status(404))
	direct := func(s *toolchain.Settings) { s.GoSumDB += " " + srv.URL + relay }
	// The second release is checked against the tree that the first left behind.
	for _, v := range []string{"1.25.1", "1.25.3"} {
		srv.AddGoModule(v)
		toolchaintest.Get(t, srv.Open(dir, direct), "go", v)
	}
}

// TestForkedDatabase has the database sign another history than the one that the store has seen.
func TestForkedDatabase(t *testing.T) {
	t.Parallel()
	srv, dir := toolchaintest.NewServer(t), t.TempDir()
	for _, v := range []string{"1.25.1", "1.25.3"} {
		srv.AddGoModule(v)
	}
	for _, v := range []string{"1.25.1", "1.25.3"} {
		toolchaintest.Get(t, srv.Open(dir), "go", v)
	}
	fork := toolchaintest.NewSignedServer(t, srv.SecretKey, srv.SumDBKey)
	for _, v := range []string{"1.25.4", "1.25.5", "1.25.6"} {
		fork.AddGoModule(v)
	}
	for _, v := range []string{"1.25.4", "1.25.5", "1.25.6"} {
		toolchaintest.Fails(t, fork.Open(dir, onlyProxy), "go", v, "checksum database")
	}
}

func TestProxyList(t *testing.T) {
	t.Parallel()
	as := func(*toolchaintest.Server, *toolchain.Settings) {}
	refused := func(srv *toolchaintest.Server, _ *toolchain.Settings) {
		srv.Break(list, toolchaintest.Status(http.StatusForbidden))
	}
	listing := func(text string) func(*toolchaintest.Server, *toolchain.Settings) {
		return func(srv *toolchaintest.Server, _ *toolchain.Settings) { srv.Put(list, []byte(text)) }
	}
	for _, c := range []struct {
		name, constraint, want string
		change                 func(srv *toolchaintest.Server, s *toolchain.Settings)
	}{
		{"listed", "1.25", "1.25.4", as},
		{"refused, line", "1.25", "1.25.4", refused},
		{"refused, exact", "1.25.1", "1.25.1", refused},
		{"refused, range", ">=1.25.1 <1.27", "1.26.1", refused},
		{"refused, open", "", "1.27.0", refused},
		{"refused, upper bound", "<1.26", "1.25.4", refused},
		{"empty", "1.25", "1.25.4", listing("\n")},
		{"served though not listed", "1.25.1", "1.25.1", listing("v0.0.1-go1.25.4.linux-amd64\n")},
		{"second proxy after 404", "1.25", "1.25.4", func(srv *toolchaintest.Server, s *toolchain.Settings) {
			s.GoProxy = srv.URL + "/nothing,direct," + s.GoProxy
		}},
		{"second proxy after any error", "1.25", "1.25.4", func(_ *toolchaintest.Server, s *toolchain.Settings) {
			s.GoProxy = "http://127.0.0.1:1|" + s.GoProxy + ",off"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := toolchaintest.NewServer(t)
			for _, v := range []string{"1.25.0", "1.25.1", "1.25.4", "1.26.0", "1.26.1", "1.27.0"} {
				srv.AddGoModule(v)
			}
			st := srv.Open(t.TempDir(), onlyProxy, func(s *toolchain.Settings) { c.change(srv, s) })
			if got, _ := toolchaintest.Get(t, st, "go", c.constraint); got.Version != c.want {
				t.Errorf("got %s, want %s", got.Version, c.want)
			}
		})
	}
}

func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	srv.AddGoModule("1.25.1")
	for _, c := range []struct{ proxy, want string }{
		{"http://127.0.0.1:1," + srv.URL + "/goproxy", "127.0.0.1:1"}, // a comma crosses 404 and 410 alone
		{"off", "go module proxy: GOPROXY is off"},
		{"direct", "no source is configured"},
		{"", "no source is configured"},
	} {
		st := srv.Open(t.TempDir(), onlyProxy, func(s *toolchain.Settings) { s.GoProxy = c.proxy })
		toolchaintest.Fails(t, st, "go", "1.25", c.want)
	}
}

func TestProxyOnDisk(t *testing.T) {
	t.Parallel()
	srv, root := toolchaintest.NewServer(t), t.TempDir()
	srv.AddGoModule("1.25.1")
	for name, doc := range srv.Documents() {
		testkit.Write(t, filepath.Join(root, filepath.FromSlash(name)), string(doc))
	}
	st := srv.Open(t.TempDir(), func(s *toolchain.Settings) { s.GoProxy, s.GoSumDB = "file://"+root+"/goproxy", "off" })
	if got, _ := toolchaintest.Get(t, st, "go", "1.25"); got.Version != "1.25.1" || srv.AllRequests() != 0 {
		t.Errorf("got %+v after %d requests", got, srv.AllRequests())
	}
}

// TestOtherZip is a zip that the database knows and that holds another version than its name says,
// or another zip than the database knows.
func TestOtherZip(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	const module = "v0.0.1-go%s.linux-amd64"
	srv.AddGoModule("1.25.1")
	srv.AddGoModuleStating("1.25.6", "1.25.1")
	toolchaintest.Fails(t, srv.Open(t.TempDir()), "go", "1.25.6", "its VERSION file names another version")
	srv.AddGoModule("1.25.7")
	first, other := fmt.Sprintf(module, "1.25.1"), fmt.Sprintf(module, "1.25.7")
	dir := strings.TrimSuffix(list, "list")
	srv.Put(dir+other+".zip", srv.Documents()[dir+first+".zip"])
	srv.SetSum(other, srv.Sum(first))
	toolchaintest.Fails(t, srv.Open(t.TempDir()), "go", "1.25.7", "it is not what the zip holds")
}

func TestDistribution(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	srv.AddGo("1.25.3")
	srv.AddGo("1.26rc1")
	got, recorder := toolchaintest.Get(t, srv.Open(t.TempDir()), "go", "")
	if got.Version != "1.25.3" || got.Source != "go.dev" || !strings.HasPrefix(got.Digest, "sha256:") {
		t.Errorf("got %+v", got)
	}
	if !strings.HasPrefix(recorder.Text(), "go module proxy: ") {
		t.Errorf("notes %q", recorder.Text())
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	srv, root, dir := toolchaintest.NewServer(t), t.TempDir(), t.TempDir()
	testkit.Write(t, filepath.Join(root, "bin", "go"), "")
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
	err := toolchaintest.Fails(t, srv.Open(dir, local), "go", "1.27", "this machine: its Go is 1.26.8")
	if !toolchaintest.IsTransient(err) {
		t.Errorf("%v is not transient", err)
	}
}
