package clojure

import (
	"path/filepath"
	"testing"

	"slugc/cache/testkit"
	"slugc/detect"
)

// TestCorrupted holds that a library without its checksum is not used, now or later, though tools.deps only
// warns of it. A repository without checksums is none of that.
func TestCorrupted(t *testing.T) {
	t.Parallel()
	for line, refused := range map[string]bool{
		"Download corrupted: Checksum validation failed, expected 43e6 but is 2f6c":           true,
		"Download corrupted: Checksum validation failed, no checksums available from central": false,
	} {
		b := newWork(t, &detect.ClojureApp{Tool: "cli", Deps: &detect.DepsFacts{}}, nil)
		b.jars, b.mirror = t.TempDir(), "http://user:secret@maven.test/x"
		jar := filepath.Join(b.jars, "toy", "toy.jar")
		testkit.Write(t, jar, "damaged")
		err := b.run(nil, "clojure -Spath", "/bin/sh", "-c", "echo "+line+" >&2")
		if !refused {
			if err != nil || !testkit.Exists(jar) {
				t.Errorf("%q: got %v", line, err)
			}
			continue
		}
		wantDiagnosis(t, err, "clojure/checksum", "A library from maven.test does not match its checksum.")
		if testkit.Exists(jar) || !testkit.Exists(b.jars) {
			t.Error("the damaged file is left, or its repository is gone")
		}
	}
}
