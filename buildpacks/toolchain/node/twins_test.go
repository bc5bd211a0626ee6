package node

import (
	"crypto/sha512"
	"encoding/hex"
	"strings"
	"testing"
)

// TestTwins holds that only both digests together stand for each other.
func TestTwins(t *testing.T) {
	t.Parallel()
	for _, one := range twins {
		for _, sum := range []string{one.pin, one.registry} {
			text, ok := strings.CutPrefix(sum, "sha512.")
			if raw, err := hex.DecodeString(text); !ok || err != nil || len(raw) != sha512.Size ||
				text != strings.ToLower(text) {
				t.Errorf("%s %s: %q is no sha512", one.tool, one.version, sum)
			}
		}
		if Twin(one.tool, one.version, one.pin) != one.registry {
			t.Errorf("%s %s has no twin", one.tool, one.version)
		}
		for _, got := range []string{
			Twin(one.tool, one.version, one.registry), Twin(one.tool, one.version+"1", one.pin),
			Twin("npm", one.version, one.pin), Twin(one.tool, one.version, one.pin[:len(one.pin)-1]),
		} {
			if got != "" {
				t.Errorf("%s %s: %q", one.tool, one.version, got)
			}
		}
	}
}
