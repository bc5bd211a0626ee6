package npmrange_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/detect/npmrange"
)

var update = flag.Bool("update", false, "ask the semver package of the machine's npm and rewrite testdata/golden.json")

const goldenFile = "testdata/golden.json"

type golden struct {
	Semver   string   `json:"semver"` // the oracle's version
	Versions []string `json:"versions"`
	Ranges   []struct {
		Range   string `json:"range"`
		Invalid bool   `json:"invalid,omitempty"`
		Matches []int  `json:"matches"` // indices into Versions
		Max     string `json:"max"`
	} `json:"ranges"`
}

// TestGolden compares every recorded range and version with npm's own answer.
func TestGolden(t *testing.T) {
	if *update {
		record(t)
	}
	b, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Ranges) < 100 || len(g.Versions) < 40 {
		t.Fatalf("the golden file has %d ranges and %d versions, want at least 100 and 40", len(g.Ranges),
			len(g.Versions))
	}
	for _, want := range g.Ranges {
		r, err := npmrange.Parse(want.Range)
		if (err != nil) != want.Invalid {
			t.Errorf("Parse(%q): error %v, npm says invalid=%v", want.Range, err, want.Invalid)
			continue
		}
		if err != nil {
			continue
		}
		matches := map[int]bool{}
		for _, i := range want.Matches {
			matches[i] = true
		}
		for i, v := range g.Versions {
			if got := r.Match(v); got != matches[i] {
				t.Errorf("%q matches %q: %v, npm says %v", want.Range, v, got, matches[i])
			}
		}
		if got, ok := npmrange.Max(g.Versions, r); got != want.Max || ok != (want.Max != "") {
			t.Errorf("Max of %q: %q, npm says %q", want.Range, got, want.Max)
		}
	}
}

func record(t *testing.T) {
	t.Helper()
	root, err := exec.Command("npm", "root", "-g").Output()
	if err != nil {
		t.Fatalf("asking npm for its root: %v", err)
	}
	in, err := json.Marshal(map[string][]string{"ranges": ranges(), "versions": versions})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", filepath.Join("testdata", "golden.js"))
	cmd.Env = append(os.Environ(),
		"NPM_SEMVER="+filepath.Join(strings.TrimSpace(string(root)), "npm", "node_modules", "semver"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running node: %v", err)
	}
	out = bytes.ReplaceAll(out, []byte(`{"range"`), []byte("\n"+`{"range"`)) // a line a range: readable differences
	if err := os.WriteFile(goldenFile, append(out, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMax(t *testing.T) {
	r, err := npmrange.Parse(" 20.x ||\t^18 ")
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := npmrange.Max([]string{"v18.1.0", "junk", "v20.9.0", "20.10.0-rc.1", "21.0.0"}, r); got != "v20.9.0" ||
		!ok {
		t.Errorf("Max = %q, %v", got, ok)
	}
	if got, ok := npmrange.Max(nil, r); got != "" || ok {
		t.Errorf("Max of nothing = %q, %v", got, ok)
	}
	if r.String() != "20.x || ^18" {
		t.Errorf("String = %q", r)
	}
	if (npmrange.Range{}).Match("1.0.0") {
		t.Error("the zero Range matches")
	}
}

func TestIntersects(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"18", ">=20",
			false}, {">=18", "20",
			true}, {">18.0.0", "<=18.0.1", true}, {">18.0.0", "<18.0.1", false}, {"", "1", true}, {"<1", "*", true},
		{"18 || 22", "20 || 22.1.x",
			true}, {"1.2.3", "1.2.3",
			true}, {"1.2.3-beta", "<1.2.3", false}, {">=1.2.3-beta", "1.2.x", true}, {"<0.0.0-0", "*", false},
	} {
		a, err := npmrange.Parse(c.a)
		b, err2 := npmrange.Parse(c.b)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if a.Intersects(b) != c.want || b.Intersects(a) != c.want {
			t.Errorf("%q and %q intersect: %v and %v, want %v", c.a, c.b, a.Intersects(b), b.Intersects(a), c.want)
		}
	}
}

func TestParseBounds(t *testing.T) {
	for _, s := range []string{strings.Repeat("1 ", 5000), "1.2.3-" + strings.Repeat("a", 300),
		"^99999999999999999999", "~9007199254740991"} {
		if _, err := npmrange.Parse(s); err == nil {
			t.Errorf("Parse of %d bytes %.20q succeeded", len(s), s)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("error of several lines: %v", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, r := range ranges() {
		f.Add(r, "20.1.0")
	}
	f.Fuzz(func(t *testing.T, s, v string) {
		r, err := npmrange.Parse(s)
		if err != nil {
			return
		}
		again, err := npmrange.Parse(r.String())
		if err != nil {
			t.Fatalf("Parse(%q) succeeds and Parse of its String %q does not: %v", s, r.String(), err)
		}
		if r.Match(v) != again.Match(v) {
			t.Fatalf("%q and its String %q differ on %q", s, r.String(), v)
		}
		if max, ok := npmrange.Max([]string{v}, r); ok != r.Match(v) || ok && max != v {
			t.Fatalf("Max and Match differ on %q of %q", v, s)
		}
	})
}
