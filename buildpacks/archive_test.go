package buildpacks_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks"
	"slugc/cache/testkit"
)

// TestWriteArchives holds what is in the archives, and that they are the same bytes each time.
func TestWriteArchives(t *testing.T) {
	t.Parallel()
	self := filepath.Join(t.TempDir(), "slugc")
	testkit.Write(t, self, "the program")
	write := func() []buildpacks.Archive {
		t.Helper()
		list, err := buildpacks.WriteArchives(filepath.Join(t.TempDir(), "a", "b"), self, "1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	first, again := write(), write()
	for i, a := range first {
		if again[i].File = a.File; a != again[i] {
			t.Errorf("%s differs: %+v", a.ID, again[i])
		}
	}
	if len(first) != len(buildpacks.Languages)+1 {
		t.Fatalf("%d archives", len(first))
	}
	const start = "755 bin/ \n755 bin/build the program\n777 bin/detect ->build\n644 buildpack.toml api = \"0.10\""
	for i, l := range buildpacks.Languages {
		text := contents(t, first[i].File)
		if first[i].ID != l.ID || !strings.HasPrefix(text, start) || !strings.Contains(text, l.ID) {
			t.Errorf("%s has %s", l.ID, text)
		}
	}
	last := first[len(first)-1]
	want := "644 buildpack.toml api = \"0.10\"\n\n[buildpack]\n  id = \"slugc/all\"\n  version = \"1.2.3\"\n" +
		"  name = \"slugc's buildpacks\"\n\n[[order]]\n"
	for _, id := range []string{"slugc/node", "slugc/go", "slugc/clojure", "slugc/ruby"} {
		want += "\n  [[order.group]]\n    id = \"" + id + "\"\n    version = \"0.1.0\"\n    optional = true\n"
	}
	if diff := cmp.Diff(want+"\n", contents(t, last.File)); diff != "" || last.ID != buildpacks.CompositeID {
		t.Errorf("%s:\n%s", last.ID, diff)
	}
}

// contents lists an archive: modes, names, and contents or targets of links.
func contents(t *testing.T, file string) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader([]byte(testkit.Read(t, file))))
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		link := ""
		if h.Linkname != "" {
			link = "->" + h.Linkname
		}
		fmt.Fprintf(&list, "%o %s %s%s\n", h.Mode, h.Name, link, data)
	}
}
