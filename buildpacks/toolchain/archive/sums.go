package archive

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"slugc/cache/digest"
)

// Sum is one line of a list of checksums.
type Sum struct {
	File   string // slash-separated, relative to the list
	SHA256 string // 64 hexadecimal digits, lower-case
}

// Sums reads a list as sha256sum(1) writes it: a checksum, blanks and perhaps a star, a name. Lines
// that are none, and names that could not be part of an address, are left out. what names the list
// for people.
func Sums(r io.Reader, what string) ([]Sum, error) {
	var list []Sum
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		sum, name, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		name = strings.TrimPrefix(strings.TrimLeft(name, " *"), "./") // old lists write "./name"
		d, err := digest.FromHex(strings.ToLower(sum))
		if err == nil && filepath.IsLocal(name) && !strings.ContainsAny(name, "?#%\\") {
			list = append(list, Sum{name, d.Hex()})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return list, nil
}
