package digest_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/digest"
)

// abc is the sha256 of "abc" (FIPS 180-2, appendix B.1).
const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

func TestOf(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	h.Write([]byte("abc"))
	fromFile, size, err := digest.File(file)
	if err != nil || size != 3 {
		t.Errorf("size %d, %v", size, err)
	}
	fromHex, err := digest.FromHex(abc)
	if err != nil {
		t.Error(err)
	}
	for what, d := range map[string]digest.Digest{
		"bytes": digest.Of([]byte("abc")), "a hash": digest.Sum(h), "a file": fromFile, "digits": fromHex,
	} {
		if d != "sha256:"+abc || d.Hex() != abc || d.Short() != abc[:12] {
			t.Errorf("of %s: %s, %s, %s", what, d, d.Hex(), d.Short())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", abc, "sha256:", "sha256:" + abc[1:], "sha256:" + abc + "0", "sha256:" + strings.ToUpper(abc),
		"sha512:" + abc, "sha256:../../../../etc/passwd" + abc[:43], "sha256:" + abc[:63] + "\n",
	} {
		if d, err := digest.Parse(text); err == nil || d != "" {
			t.Errorf("%q: %q, %v", text, d, err)
		}
	}
	if d := digest.Digest(""); d.Hex() != "" || d.Short() != "" {
		t.Errorf("none: %q, %q", d.Hex(), d.Short())
	}
}

func ExampleDigest_Short() {
	fmt.Println(digest.Of([]byte("abc")).Short())
	// Output: ba7816bf8f01
}
