package source_test

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"slugc/buildpacks/toolchain/source"
)

// flaky serves one document after the other, the first ones cut short. It keeps the ranges that it is asked for.
type flaky struct {
	docs   []string // the last again and again
	etag   string   // with an N for the number of the document
	cuts   int      // how many answers are cut short
	ranges []string
}

func (f *flaky) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	n := len(f.ranges)
	f.ranges = append(f.ranges, r.Header.Get("Range"))
	at := min(n, len(f.docs)-1)
	doc := f.docs[at]
	if f.etag != "" {
		rw.Header().Set("Etag", strings.ReplaceAll(f.etag, "N", strconv.Itoa(at)))
	}
	if n >= f.cuts {
		http.ServeContent(rw, r, "", time.Time{}, strings.NewReader(doc))
		return
	}
	rw.Header().Set("Content-Length", strconv.Itoa(len(doc)))
	_, _ = rw.Write([]byte(doc[:len(doc)/2]))
}

// TestDownloadGoesOn holds that a broken download goes on where it broke off, if the document is still the
// same, and else begins again.
func TestDownloadGoesOn(t *testing.T) {
	t.Parallel()
	first, second := strings.Repeat("first ", 2000), strings.Repeat("second", 2000)
	const rest = "bytes=6000-"
	for name, c := range map[string]struct {
		flaky
		want  string
		asked []string // ranges, "" for the whole document
	}{
		"whole":      {flaky{docs: []string{first}, etag: `"1"`}, first, []string{""}},
		"the same":   {flaky{docs: []string{first}, etag: `"1"`, cuts: 1}, first, []string{"", rest}},
		"another":    {flaky{docs: []string{first, second}, etag: `"N"`, cuts: 1}, second, []string{"", rest}},
		"a weak tag": {flaky{docs: []string{first}, etag: `W/"1"`, cuts: 1}, first, []string{"", ""}},
		"no tag":     {flaky{docs: []string{first, second}, cuts: 1}, second, []string{"", ""}},
		"thrice":     {flaky{docs: []string{first}, cuts: 3}, first, []string{"", "", "", ""}},
		"for ever":   {flaky{docs: []string{first}, cuts: 9}, "", []string{"", "", "", ""}},
		"shorter":    {flaky{docs: []string{first, "x"}, etag: `"1"`, cuts: 1}, "x", []string{"", rest, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(&c.flaky)
			defer server.Close()
			file, sum := filepath.Join(t.TempDir(), "file"), sha256.New()
			err := source.NewWeb(nil, 5*time.Second, time.Millisecond).Download(t.Context(), source.Download{
				Addr: server.URL, File: file, Meter: func(int64, int64) {}, Sums: []hash.Hash{sum},
			})
			if got := strings.Join(c.ranges, ","); got != strings.Join(c.asked, ",") {
				t.Errorf("asked for %q, want %q", c.ranges, c.asked)
			}
			if c.want == "" {
				if !source.IsTransient(err) || !strings.Contains(err.Error(), server.URL+": it ended early") {
					t.Errorf("got %v", err)
				}
				return
			}
			want := sha256.Sum256([]byte(c.want))
			got, errRead := os.ReadFile(file)
			if err != nil || errRead != nil || string(got) != c.want || !bytes.Equal(sum.Sum(nil), want[:]) {
				t.Errorf("%v, %v: got %d bytes, want %d", err, errRead, len(got), len(c.want))
			}
		})
	}
}
