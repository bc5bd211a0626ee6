// Package digest names content by its sha256: slugs, their segments and parts, and downloads. The
// form is that of an OCI descriptor (OCI image specification, "Descriptors").
//
//	d, err := digest.Parse("sha256:9f86d081884c7d65…")
//	d.Hex()   // "9f86d081884c7d65…": 64 digits, in file names
//	d.Short() // "9f86d081884c": for people
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"

	"slugc/cache/disk"
)

const (
	prefix = "sha256:"
	size   = 2 * sha256.Size // hexadecimal digits
	short  = 12
)

// Digest is "sha256:" and 64 lower-case hexadecimal digits, as in an OCI descriptor, or "" for
// none. Values from outside go through [Parse].
type Digest string

// Parse reads a digest. Any other algorithm, length or case is an error.
func Parse(text string) (Digest, error) {
	digits, ok := strings.CutPrefix(text, prefix)
	if !ok || len(digits) != size || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", fmt.Errorf("reading digest %q: it is not \"sha256:\" and 64 hexadecimal digits", text)
	}
	return Digest(text), nil
}

// FromHex returns the digest with these 64 lower-case hexadecimal digits.
func FromHex(digits string) (Digest, error) { return Parse(prefix + digits) }

// Of returns the digest of data.
func Of(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest(prefix + hex.EncodeToString(sum[:]))
}

// Sum returns the digest of what was written to h, which must come from [sha256.New].
func Sum(h hash.Hash) Digest { return Digest(prefix + hex.EncodeToString(h.Sum(nil))) }

// Read reads r to its end and returns the digest and the number of bytes read.
func Read(r io.Reader) (Digest, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return "", n, err
	}
	return Sum(h), n, nil
}

// File returns the digest of a regular file's content and its size in bytes. It follows links and
// refuses anything else, without waiting.
func File(path string) (Digest, int64, error) {
	f, err := disk.OpenRegular(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	d, n, err := Read(f)
	if err != nil {
		return "", n, fmt.Errorf("reading %q: %w", path, err)
	}
	return d, n, nil
}

// Hex returns the 64 digits alone, "" for none.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), prefix) }

// Short returns the first twelve digits, for people.
func (d Digest) Short() string { return d.Hex()[:min(len(d.Hex()), short)] }

// String returns the digest with its prefix.
func (d Digest) String() string { return string(d) }
