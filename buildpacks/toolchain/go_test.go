package toolchain_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
)

func TestGoConstraints(t *testing.T) {
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
		got, exact, err := toolchain.PickGo(c.in, versions)
		if err != nil || got != c.want || exact != c.exact {
			t.Errorf("%q = %q, exact %q, %v; want %q, %q", c.in, got, exact, err, c.want, c.exact)
		}
	}
	for _, bad := range []string{"two", "1.25.1.1", "devel-abc", "=>1.25", "^1.25", "../x", strings.Repeat(">=1.1 ", 17)} {
		if got, _, err := toolchain.PickGo(bad, versions); err == nil {
			t.Errorf("%q = %q, want an error", bad, got)
		}
	}
}

func TestGoThroughProxy(t *testing.T) {
	w := newWorld(t)
	for _, v := range []string{"1.25.1", "1.25.14", "1.26.0"} {
		w.goModule(v)
	}
	got, h := one(t, w.open(t.TempDir()), "go", "1.25")
	if got.Version != "1.25.14" || got.Source != "go module proxy" || !strings.HasPrefix(got.Digest, "h1:") ||
		h.text() != "" {
		t.Errorf("got %+v, notes %q", got, h.text())
	}
	for p, mode := range map[string]os.FileMode{
		"bin/go": 0o755, "pkg/tool/linux_amd64/compile": 0o755, "src/go.mod": 0o644, "src/cmd/go.mod": 0o644, "src/fmt/print.go": 0o644,
	} {
		if info, err := os.Stat(filepath.Join(got.Dir, p)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
	if w.count("/goproxy/sumdb/sums.test/supported") != 1 {
		t.Error("the database was not asked through the proxy")
	}
}

// TestGoChecksums has the checksum database object, absent, exempted and replaced.
func TestGoChecksums(t *testing.T) {
	const mv = "v0.0.1-go1.25.1.linux-amd64"
	for _, c := range []struct {
		name   string
		world  func(w *world)
		change func(s *toolchain.Settings)
		want   string // in the error, "" for none
		note   string
	}{
		{"tampered", func(w *world) { w.sums[mv] = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }, nil, "it has the digest h1:", ""},
		{"unknown", func(w *world) { delete(w.sums, mv) }, nil, "by the checksum database", ""},
		{"unreachable", func(w *world) { w.breakAt("/goproxy/sumdb/sums.test/supported", status(404)) },
			func(s *toolchain.Settings) { s.GoSumDB += " http://127.0.0.1:1" }, "127.0.0.1:1", ""},
		{"other key", nil, func(s *toolchain.Settings) {
			s.GoSumDB = "sums.test+0d4bd4e7+AXmkBbhPPb8bP5rKj0RlbXjVA7CmSiUT3hGRdaLWiCf6"
		}, "GOSUMDB", ""},
		{"unknown key", nil, func(s *toolchain.Settings) { s.GoSumDB = "sums.test" }, "write name+hash+key", ""},
		{"none", nil, func(s *toolchain.Settings) { s.GoSumDB = "" }, "GOSUMDB is neither", ""},
		{"off", func(w *world) { delete(w.sums, mv) }, func(s *toolchain.Settings) { s.GoSumDB = "off" }, "", "is off"},
		{"exempt", func(w *world) { delete(w.sums, mv) }, func(s *toolchain.Settings) { s.GoNoSumDB = "x.test,golang.org/*" }, "", "exempts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.goModule("1.25.1")
			if c.world != nil {
				c.world(w)
			}
			dir := t.TempDir()
			change := func(s *toolchain.Settings) {
				s.GoDist = "off"
				if c.change != nil {
					c.change(s)
				}
			}
			if c.want == "" {
				if _, h := one(t, w.open(dir, change), "go", "1.25"); !strings.Contains(h.text(), c.note) {
					t.Errorf("notes %q, want %q", h.text(), c.note)
				}
				return
			}
			if err := fails(t, w.open(dir, change), "go", "1.25"); !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q in it", err, c.want)
			}
			if held, _ := w.open(dir).List(); len(held) > 0 {
				t.Errorf("the store has %v", held)
			}
		})
	}
}

// TestGoDatabaseItself asks the database directly, where the proxy does not relay it.
func TestGoDatabaseItself(t *testing.T) {
	w := newWorld(t)
	w.goModule("1.25.1")
	w.breakAt("/goproxy/sumdb/sums.test/supported", status(404))
	direct := func(s *toolchain.Settings) { s.GoSumDB += " " + w.srv.URL + "/goproxy/sumdb/sums.test" }
	dir := t.TempDir()
	one(t, w.open(dir, direct), "go", "1.25.1")
	// A second release is checked against the tree that the first left behind.
	w.goModule("1.25.3")
	one(t, w.open(dir, direct), "go", "1.25.3")
}

// TestForkedDatabase has the database sign another history than the one that the store has seen.
func TestForkedDatabase(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t)
	w.goModule("1.25.1")
	w.goModule("1.25.3")
	one(t, w.open(dir), "go", "1.25.1")
	one(t, w.open(dir), "go", "1.25.3")
	fork := newWorldSigned(t, w.skey, w.key)
	fork.goModule("1.25.4")
	fork.goModule("1.25.5")
	fork.goModule("1.25.6")
	off := func(s *toolchain.Settings) { s.GoDist = "off" }
	for _, v := range []string{"1.25.4", "1.25.5", "1.25.6"} {
		if err := fails(t, fork.open(dir, off), "go", v); !strings.Contains(err.Error(), "checksum database") {
			t.Error(err)
		}
	}
}

func TestGoProxyList(t *testing.T) {
	refuse := func(w *world) { w.breakAt("/goproxy/golang.org/toolchain/@v/list", status(http.StatusForbidden)) }
	for _, c := range []struct {
		name, constraint, want string
		world                  func(w *world)
		change                 func(w *world, s *toolchain.Settings)
	}{
		{"listed", "1.25", "1.25.4", nil, nil},
		{"refused, line", "1.25", "1.25.4", refuse, nil},
		{"refused, exact", "1.25.1", "1.25.1", refuse, nil},
		{"refused, range", ">=1.25.1 <1.27", "1.26.1", refuse, nil},
		{"refused, open", "", "1.27.0", refuse, nil},
		{"refused, upper bound", "<1.26", "1.25.4", refuse, nil},
		{"empty", "1.25", "1.25.4", func(w *world) { w.put("/goproxy/golang.org/toolchain/@v/list", []byte("\n")) }, nil},
		{"served though not listed", "1.25.1", "1.25.1", func(w *world) {
			w.put("/goproxy/golang.org/toolchain/@v/list", []byte("v0.0.1-go1.25.4.linux-amd64\n"))
		}, nil},
		{"second proxy after 404", "1.25", "1.25.4", nil, func(w *world, s *toolchain.Settings) { s.GoProxy = w.srv.URL + "/nothing,direct," + s.GoProxy }},
		{"second proxy after any error", "1.25", "1.25.4", nil, func(w *world, s *toolchain.Settings) { s.GoProxy = "http://127.0.0.1:1|" + s.GoProxy + ",off" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for _, v := range []string{"1.25.0", "1.25.1", "1.25.4", "1.26.0", "1.26.1", "1.27.0"} {
				w.goModule(v)
			}
			if c.world != nil {
				c.world(w)
			}
			st := w.open(t.TempDir(), func(s *toolchain.Settings) {
				s.GoDist = "off"
				if c.change != nil {
					c.change(w, s)
				}
			})
			if got, _ := one(t, st, "go", c.constraint); got.Version != c.want {
				t.Errorf("got %s, want %s", got.Version, c.want)
			}
		})
	}
}

func TestGoProxyRefuses(t *testing.T) {
	w := newWorld(t)
	w.goModule("1.25.1")
	for _, c := range []struct{ proxy, want string }{
		{"http://127.0.0.1:1," + w.srv.URL + "/goproxy", "127.0.0.1:1"}, // a comma crosses 404 and 410 alone
		{"off", "go module proxy: GOPROXY is off"},
		{"direct", "no source is configured"},
		{"", "no source is configured"},
	} {
		st := w.open(t.TempDir(), func(s *toolchain.Settings) { s.GoDist, s.GoProxy = "off", c.proxy })
		if err := fails(t, st, "go", "1.25"); !strings.Contains(err.Error(), c.want) {
			t.Errorf("GOPROXY=%s: %v, want %q", c.proxy, err, c.want)
		}
	}
}

func TestGoFromDisk(t *testing.T) {
	w := newWorld(t)
	w.goModule("1.25.1")
	root := t.TempDir()
	for p, doc := range w.docs {
		file := filepath.Join(root, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, doc, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	st := w.open(t.TempDir(), func(s *toolchain.Settings) { s.GoProxy, s.GoSumDB = "file://"+root+"/goproxy", "off" })
	if got, _ := one(t, st, "go", "1.25"); got.Version != "1.25.1" || w.total() != 0 {
		t.Errorf("got %+v after %d requests", got, w.total())
	}
}

func TestGoFromDistribution(t *testing.T) {
	w := newWorld(t)
	w.goDist("1.25.3")
	w.goDist("1.26rc1")
	got, h := one(t, w.open(t.TempDir()), "go", "")
	if got.Version != "1.25.3" || got.Source != "go.dev" || !strings.HasPrefix(got.Digest, "sha256:") {
		t.Errorf("got %+v", got)
	}
	if !strings.HasPrefix(h.text(), "go module proxy: ") {
		t.Errorf("notes %q", h.text())
	}
}

func TestGoOfTheMachine(t *testing.T) {
	w := newWorld(t)
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
		got, _ := one(t, w.open(dir, local), "go", "1.26")
		if got.Dir != root || got.Version != "1.26.8" || got.Source != "this machine" {
			t.Errorf("got %+v", got)
		}
	}
	err := fails(t, w.open(dir, local), "go", "1.27")
	var no *toolchain.Unavailable
	if !errors.As(err, &no) || !strings.Contains(err.Error(), "this machine: its Go is 1.26.8") || !no.Transient() {
		t.Errorf("got %v", err)
	}
}
