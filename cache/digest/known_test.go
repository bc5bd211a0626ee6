package digest_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"slugc/cache/digest"
	"slugc/cache/testkit"
)

// TestKnown tells the digest of a file without reading it as long as its stat is the same.
func TestKnown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "slug.tgz")
	testkit.Write(t, file, "one")
	one, two := digest.Of([]byte("one")), digest.Of([]byte("two"))
	known := digest.NewKnown(filepath.Join(dir, "digests.json"))
	check := func(when string, want digest.Digest) {
		t.Helper()
		for _, k := range []*digest.Known{nil, known} {
			if is, err := k.File(file, one); is != want || err != nil {
				t.Errorf("%s: %s, %v, want %s", when, is, err, want)
			}
		}
	}
	check("new", one)
	if testkit.Exists(dir, "digests.json") {
		t.Error("a file is remembered that may change again within the same tick")
	}
	known.Made(file, one)
	if !known.IsMade(file) {
		t.Error("it is not known who has made it")
	}
	check("made", one)

	// What is remembered counts: here, a lie.
	known.Made(file, two)
	if is, err := known.File(file, two); is != two || err != nil {
		t.Errorf("it was read: %s, %v", is, err)
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, file, "two")
	if err := os.Chtimes(file, time.Time{}, before.ModTime()); err != nil {
		t.Fatal(err)
	}
	if known.IsMade(file) {
		t.Error("a file that was written to is taken for the one that was made")
	}
	check("rewritten with the same size and time", two)
	testkit.Write(t, filepath.Join(dir, "digests.json"), "damaged")
	check("with a damaged memory", two)
}
