package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/compiler/artifact/blobstore/blobstoretest"
	"slugc/compiler/fault"
)

// TestTexts holds what every fault says to testdata/faults.txt.
func TestTexts(t *testing.T) {
	p, dir := blobstoretest.Small(t, "one"), t.TempDir()
	o := quick
	o.tries = 1
	put := func(url string) error {
		_, _, err := open(t, url, o).Put(t.Context(), p.File, p.Digest)
		return err
	}
	get := func(url string) error {
		_, err := open(t, url, o).Get(t.Context(), "", p.Digest, target(t), nil)
		return err
	}
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	testkit.Write(t, filepath.Join(dir, "slugs", p.Digest.Hex()+".json"), "{}")
	const s3 = "s3://bucket/x?endpoint="
	cases := []struct {
		name string
		err  error
	}{
		{"refused connection", get(fmt.Sprintf("%shttp://127.0.0.1:%d", s3, testkit.FreePort(t)))},
		{"503", put(s3 + answering(t, 503, ""))},
		{"403", put(s3 + answering(t, 403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"))},
		{"no bucket", put(s3 + answering(t, 404, "<Error><Code>NoSuchBucket</Code></Error>"))},
		{"400", get(s3 + answering(t, 400, "<Error><Code>MalformedXML</Code></Error>"))},
		{"plain HTTP", get(s3 + strings.Replace(answering(t, 404, ""), "http:", "https:", 1))},
		{"untrusted certificate", get(s3 + secure.URL)},
		{"missing", get("file:///srv/none")},
		{"damaged", get("file://" + dir)},
		{"full disk", fullDisk()},
		{"bad parameter", Check("s3://bucket?key=x")},
	}
	var text strings.Builder
	for _, c := range cases {
		f := fault.Of(c.err)
		fmt.Fprintf(&text, "## %s\n%s\n", c.name, f.Error())
		for _, h := range f.Hints {
			fmt.Fprintf(&text, "hint: %s\n", h)
		}
		fmt.Fprintf(&text, "[%s] exit %d\n\n", f.ID, f.Code)
	}
	got := regexp.MustCompile(`127\.0\.0\.1(:|%3A)\d+`).ReplaceAllString(text.String(), "HOST")
	got = strings.NewReplacer(p.Digest.String(), "DIGEST", dir, "DIR").Replace(got)
	if diff := cmp.Diff(testkit.Read(t, "testdata/faults.txt")+"\n", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// answering is the URL of a server that gives every request one answer.
func answering(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprint(w, body)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// fullDisk is the error of a full disk.
func fullDisk() error {
	d := dir{location: "file:///srv", path: "/srv"}
	return d.fault(&os.PathError{Op: "write", Path: "/srv/parts/1", Err: syscall.ENOSPC})
}

// TestReadOnly puts a slug where nothing may be written.
func TestReadOnly(t *testing.T) {
	p := blobstoretest.Small(t, "one")
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o644))
	_, _, err := open(t, "file://"+file, quick).Put(t.Context(), p.File, p.Digest)
	wantFault(t, err, "blobstore/refused", fault.Usage)
	_, _, err = open(t, "file:///proc/nothing", quick).Put(t.Context(), p.File, p.Digest)
	if err == nil {
		t.Error("something was put in /proc")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err = open(t, "file://"+t.TempDir(), quick).Put(ctx, p.File, p.Digest); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestPutRepairsDamage damages a part in a shared directory: getting the slug fails, and putting it
// again repairs it.
func TestPutRepairsDamage(t *testing.T) {
	p, root := blobstoretest.Small(t, "one"), t.TempDir()
	s := open(t, "file://"+root, quick)
	url := put(t, s, p)
	parts, err := filepath.Glob(filepath.Join(root, "parts", "*"))
	check(t, err)
	if len(parts) != 4 {
		t.Fatalf("%d parts", len(parts))
	}
	b, err := os.ReadFile(parts[0])
	check(t, err)
	b[0] ^= 1
	check(t, os.WriteFile(parts[0], b, 0o644))
	_, err = s.Get(t.Context(), url, p.Digest, target(t), nil)
	wantFault(t, err, "blobstore/damaged", fault.Slugc)
	_, moved, err := s.Put(t.Context(), p.File, p.Digest)
	check(t, err)
	if moved.Parts != 1 {
		t.Errorf("repairing moved %+v", moved)
	}
	to := target(t)
	_, err = s.Get(t.Context(), url, p.Digest, to, nil)
	check(t, err)
	blobstoretest.Same(t, to, p)
	wrong := p.Digest[:len(p.Digest)-1] + "x"
	if _, _, err := s.Put(t.Context(), p.File, wrong); err == nil {
		t.Error("a digest that is none passes")
	}
	_, _, err = s.Put(t.Context(), p.File, digest.Of(nil))
	wantFault(t, err, "slug/damaged", fault.Slugc)
}

// TestKilledWriters: what killed processes leave in a shared directory is no slug and does no harm.
func TestKilledWriters(t *testing.T) {
	p, root := blobstoretest.Small(t, "one"), t.TempDir()
	s := open(t, "file://"+root, quick)
	for _, d := range []string{"parts", "slugs"} {
		check(t, os.MkdirAll(filepath.Join(root, d), 0o755))
		check(t, os.WriteFile(filepath.Join(root, d, unfinished+"1"), []byte("{"), 0o600))
	}
	if err := s.Stat(t.Context(), "", p.Digest); err == nil {
		t.Error("there is a slug")
	}
	check(t, s.Stat(t.Context(), put(t, s, p), p.Digest))
}
