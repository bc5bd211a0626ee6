package nodelts_test

import (
	"testing"

	"slugc/detect/nodelts"
)

func TestMajor(t *testing.T) {
	for _, c := range []struct {
		codename string
		major    int
		ok       bool
	}{
		{"argon", 4, true},
		{"iron", 20, true},
		{"Krypton", 24, true},
		{"zirconium", 0, false},
		{"*", 0, false},
		{"", 0, false},
	} {
		if major, ok := nodelts.Major(c.codename); major != c.major || ok != c.ok {
			t.Errorf("Major(%q) = %d, %v; want %d, %v", c.codename, major, ok, c.major, c.ok)
		}
	}
}
