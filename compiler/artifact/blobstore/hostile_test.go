package blobstore

import (
	"bytes"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"slugc/cache/digest"
	"slugc/compiler/artifact/blobstore/blobstoretest"
	"slugc/compiler/fault"
)

// lies are what a hostile store may make of an index or a manifest.
var lies = map[string]func(b []byte) []byte{
	"a size is smaller":        replace(`"size": ?(\d+)\d`, `"size":$1`),
	"a size is larger":         replace(`"size": ?(\d+)`, `"size":${1}0`),
	"a size is negative":       replace(`"size": ?(\d+)`, `"size":-$1`),
	"a size is beyond numbers": replace(`"size": ?(\d+)`, `"size":${1}99999999999999999999`),
	"a size is no number":      replace(`"size": ?(\d+)`, `"size":"$1"`),
	"a part is a path": replace(
		`"(digest|io.slugc.part.digest)": ?"sha256:[0-9a-f]{64}"`,
		`"$1":"sha256:../../../../../../../../../../../../../../../../etc/passwd00000000"`,
	),
	"a part is a path too": replace(
		`"(digest|io.slugc.part.digest)": ?"sha256:[0-9a-f]{64}"`,
		`"$1":"/etc/passwd"`,
	),
	"parts change places":   swap,
	"the last part is gone": replace(`(?s)},\s*{[^{}]*({[^{}]*})?[^{}]*}\s*\]`, `}]`),
	"the slug is another":   replace(`"(digest|io.slugc.slug.digest)": ?"sha256:[0-9a-f]{3}`, `"$1":"sha256:000`),
	"it is cut off":         func(b []byte) []byte { return b[:len(b)/2] },
	"it is no JSON":         func(b []byte) []byte { return []byte("<html>") },
	"it is empty":           func(b []byte) []byte { return nil },
	"it is huge":            func(b []byte) []byte { return append(bytes.Repeat([]byte(" "), maxIndex), b...) },
	"it is deep":            func(b []byte) []byte { return bytes.Repeat([]byte("["), 100000) },
	"it is null":            func(b []byte) []byte { return []byte("null") },
	"it has a million parts": func(b []byte) []byte {
		return append([]byte(`{"format":1,"parts":[`), append(bytes.Repeat([]byte("{},"), 200000), "{}]}"...)...)
	},
}

func replace(pattern, with string) func([]byte) []byte {
	return func(b []byte) []byte { return regexp.MustCompile(pattern).ReplaceAll(b, []byte(with)) }
}

// swap exchanges the last two digests of parts.
func swap(b []byte) []byte {
	find := func(key string) [][]string {
		form := regexp.MustCompile(`"` + key + `": ?"(sha256:[0-9a-f]{64})"`)
		return form.FindAllStringSubmatch(string(b), -1)
	}
	digests := find("io.slugc.part.digest")
	if digests == nil {
		digests = find("digest")
	}
	one, two := digests[len(digests)-2][1], digests[len(digests)-1][1]
	return []byte(strings.NewReplacer(one, two, two, one).Replace(string(b)))
}

func TestHostileIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		p, s := blobstoretest.Small(t, "one"), open(t, f.url, quick)
		put(t, s, p)
		for name, lie := range lies {
			var changes atomic.Bool
			f.intercept(func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
				if r.Method != http.MethodGet || isPart(r) || r.URL.Path == "/v2/" {
					answer.ServeHTTP(w, r)
					return
				}
				changed(w, r, answer, false, func(b []byte) []byte {
					after := lie(bytes.Clone(b))
					changes.Store(!bytes.Equal(after, b))
					return after
				})
			})
			to := target(t)
			_, err := s.Get(t.Context(), "", p.Digest, to, nil)
			if got := fault.Of(err); err == nil || got.ID != "blobstore/damaged" || !changes.Load() {
				t.Errorf("%s: got %v; it was changed: %t", name, err, changes.Load())
			}
			for _, asked := range f.requests() {
				if strings.Contains(asked, "..") || strings.Contains(asked, "passwd") {
					t.Errorf("%s: it was asked %q", name, asked)
				}
			}
			empty(t, filepath.Dir(to))
		}
	})
}

// badURLs name no store.
var badURLs = []string{
	"", "slugs", "/srv/slugs", "http://host/slugs", "gs://bucket",
	"file://host/dir", "file:slugs", "file:///dir?x=1", "file:///dir#x",
	"s3://", "s3://A_B/x", "s3://id:key@bucket", "s3://bucket/\x7f",
	"s3://bucket?endpoint=host", "s3://bucket?endpoint=ftp://host", "s3://bucket?endpoint=http://u:p@host",
	"s3://bucket?endpoint=http://host/path", "s3://bucket?secret=x", "s3://bucket?region=a&region=b",
	"oci://host", "oci:///repo", "oci://host/UPPER", "oci://host/repo:tag", "oci://u:p@host/repo",
	"oci://host/repo?x=1", "oci://host/../repo",
}

func TestBadURLs(t *testing.T) {
	for _, url := range badURLs {
		if f := fault.Of(Check(url)); f == nil || f.ID != "usage/store" || f.Code != fault.ExitUsage {
			t.Errorf("%q: got %v", url, f)
		}
	}
}

// TestURLsOfOtherSlugs gets slugs by URLs that do not name them in the store.
func TestURLsOfOtherSlugs(t *testing.T) {
	zeros := digest.Digest("sha256:" + strings.Repeat("0", 64))
	for store, urls := range map[string][]string{
		"file:///srv/slugs": {
			"file:///srv/other/slugs/" + zeros.Hex() + ".json",
			"file:///srv/slugs/slugs/../../../etc/passwd",
			"file:///srv/slugs/slugs/" + strings.Repeat("1", 64) + ".json",
		},
		"oci://127.0.0.1:1/repo": {
			"oci://127.0.0.1:1/repo:latest",
			"oci://127.0.0.1:1/other@" + zeros.String(),
			"oci://127.0.0.1:1/repo@sha256:00",
		},
	} {
		for _, url := range urls {
			_, err := open(t, store, quick).Get(t.Context(), url, zeros, target(t), nil)
			wantFault(t, err, "usage/store", fault.Usage)
		}
	}
	for _, bad := range []digest.Digest{"", "sha256:00", "sha512:" + digest.Digest(zeros.Hex()), "../../x"} {
		if _, err := open(t, "file:///srv/slugs", quick).Get(t.Context(), "", bad, target(t), nil); err == nil {
			t.Errorf("%q passes for a digest", bad)
		}
	}
}
