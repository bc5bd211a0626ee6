package archive_test

import (
	"slices"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain/archive"
)

func TestSums(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("a", 64), strings.Repeat("B", 64)
	text := strings.Join([]string{
		a + "  one.tar.gz", b + " *./two/two.jar", "not a line", "0123  short.tgz", a, a + "  ../outside",
		a + "  /absolute", a + "  query?x", strings.Repeat("x", 64) + "  digits", "",
	}, "\n")
	got, err := archive.Sums(strings.NewReader(text), "SHA256SUMS")
	want := []archive.Sum{{File: "one.tar.gz", SHA256: a}, {File: "two/two.jar", SHA256: strings.ToLower(b)}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}
