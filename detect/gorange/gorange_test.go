package gorange_test

import (
	"strings"
	"testing"

	"slugc/detect/gorange"
)

func TestRange(t *testing.T) {
	versions := strings.Fields("go1.20 go1.20.14 1.21rc2 1.21.0 1.21.13 1.24.0 1.24.9 1.24.10 " +
		"1.25rc1 1.25.0 1.25.1 1.26rc1 1.26beta1 junk")
	for _, c := range []struct{ constraint, max, matches string }{
		{"", "1.25.1", "go1.20 go1.20.14 1.21.0 1.21.13 1.24.0 1.24.9 1.24.10 1.25.0 1.25.1"},
		{">=1.24.0 <1.25", "1.24.10", "1.24.0 1.24.9 1.24.10"},
		{">=1.24 <1.25", "1.24.10", "1.24.0 1.24.9 1.24.10"},
		{">=1.24.9 <1.25", "1.24.10", "1.24.9 1.24.10"},
		{">=1.25rc1 <1.26", "1.25.1", "1.25rc1 1.25.0 1.25.1"},
		{">=1.26rc1 <1.27", "1.26rc1", "1.26rc1"},
		{">=1.20 <1.21", "go1.20.14", "go1.20 go1.20.14"},
		{"1.25.1", "1.25.1", "1.25.1"},
		{"=go1.25.0", "1.25.0", "1.25.0"},
		{"1.26beta1", "1.26beta1", "1.26beta1"},
		{">1.24.9 <=1.25.0", "1.25.0", "1.24.10 1.25.0"},
		{">=1.30", "", ""},
	} {
		r, err := gorange.Parse(c.constraint)
		if err != nil {
			t.Fatal(err)
		}
		var matches []string
		for _, v := range versions {
			if r.Match(v) {
				matches = append(matches, v)
			}
		}
		if got := strings.Join(matches, " "); got != c.matches {
			t.Errorf("%q matches %s, want %s", c.constraint, got, c.matches)
		}
		if got, ok := gorange.Max(versions, r); got != c.max || ok != (c.max != "") {
			t.Errorf("%q: max %q, want %q", c.constraint, got, c.max)
		}
	}
	for _, bad := range []string{"x", ">=", "1.24.x", ">=1.24, <1.25", "~1.24"} {
		if _, err := gorange.Parse(bad); err == nil {
			t.Errorf("Parse(%q) succeeds", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("", "1.25.1")
	f.Add(">=1.24.0 <1.25", "go1.24.9")
	f.Add("=go1.26rc1", "1.26rc1")
	f.Fuzz(func(t *testing.T, constraint, v string) {
		r, err := gorange.Parse(constraint)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("an error of several lines: %v", err)
			}
			return
		}
		if max, ok := gorange.Max([]string{v}, r); ok != r.Match(v) || ok && max != v {
			t.Fatalf("Max and Match differ on %q of %q", v, constraint)
		}
	})
}
