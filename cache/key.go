package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
)

// Key returns a key for a computation from its complete description: the sha256, in hex, of all
// parts. Each part is preceded by its length, so that different lists of parts have different keys.
func Key(parts ...string) string {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Pairs returns a map as parts for [Key]: sorted names, each followed by its value.
func Pairs(m map[string]string) []string {
	parts := make([]string, 0, 2*len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, name, m[name])
	}
	return parts
}
