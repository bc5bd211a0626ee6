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
	"slugc/compiler/fault"
)

// TestTexts holds what every fault says.
func TestTexts(t *testing.T) {
	p, o := small(t, "one"), quick
	o.tries = 1
	answers := func(status int, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead && status == http.StatusNotFound {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		t.Cleanup(server.Close)
		return "s3://bucket/x?endpoint=" + server.URL
	}
	putting := func(url string) error {
		_, _, err := open(t, url, o).Put(t.Context(), p.file, p.digest)
		return err
	}
	getting := func(url string) error {
		_, err := open(t, url, o).Get(t.Context(), "", p.digest, target(t), nil)
		return err
	}
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	dir := t.TempDir()
	damaged := filepath.Join(dir, "slugs", p.digest.Hex()+".json")
	check(t, os.MkdirAll(filepath.Dir(damaged), 0o755))
	check(t, os.WriteFile(damaged, []byte("{}"), 0o644))
	for _, test := range []struct {
		err  error
		want string
	}{
		{getting("s3://bucket/x?endpoint=http://" + free(t)), `asking the slug store "s3://bucket/x?endpoint=http%3A%2F%2FHOST": dial tcp HOST: connect: connection refused
hint: see that the store runs and can be reached from here, and try again
[blobstore/unreachable] exit 75`},
		{putting(answers(503, "")), `asking the slug store "s3://bucket/x?endpoint=http%3A%2F%2FHOST": it answers 503
hint: see that the store runs and can be reached from here, and try again
[blobstore/unreachable] exit 75`},
		{putting(answers(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>")), `asking the slug store "s3://bucket/x?endpoint=http%3A%2F%2FHOST": it refuses the credentials, or there are none: it answers 403 AccessDenied
hint: for s3 set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for oci set SLUGC_REGISTRY_USER and SLUGC_REGISTRY_PASSWORD, or log in with docker
hint: credentials are sent only to the host that --store or SLUGC_STORE names
[blobstore/denied] exit 72`},
		{putting(answers(404, "<Error><Code>NoSuchBucket</Code></Error>")), `asking the slug store "s3://bucket/x?endpoint=http%3A%2F%2FHOST": there is no bucket "bucket"
hint: make the bucket, or mend the URL
[blobstore/no-bucket] exit 72`},
		{getting(answers(400, "<Error><Code>MalformedXML</Code></Error>")), `asking the slug store "s3://bucket/x?endpoint=http%3A%2F%2FHOST": it refuses the request: it answers 400 MalformedXML
hint: see that the URL is one of a store of its kind, and that it takes writes
[blobstore/refused] exit 72`},
		{getting("s3://bucket/x?endpoint=" + strings.Replace(answers(404, ""), "s3://bucket/x?endpoint=http:", "https:", 1)), `asking the slug store "s3://bucket/x?endpoint=https%3A%2F%2FHOST": it refuses the request: it speaks plain HTTP
hint: see that the URL is one of a store of its kind, and that it takes writes
[blobstore/refused] exit 72`},
		{getting("s3://bucket/x?endpoint=" + secure.URL), `asking the slug store "s3://bucket/x?endpoint=https%3A%2F%2FHOST": its certificate is not trusted: tls: failed to verify certificate: x509: certificate signed by unknown authority
hint: name the authority that signed it with SSL_CERT_FILE, or mend the URL
[blobstore/certificate] exit 72`},
		{getting("file:///srv/none"), `asking the slug store "file:///srv/none": it does not hold slug DIGEST
hint: put the slug there again with ` + "`slugc register FILE`" + `, or build the app again
[blobstore/missing] exit 62`},
		{getting("file://" + dir), `asking the slug store "file://DIR": the index of slug DIGEST is not what it should be: it is of format 0, this slugc reads format 1
hint: put the slug there again with ` + "`slugc register FILE`" + `, or build the app again
[blobstore/damaged] exit 62`},
		{full(), `asking the slug store "file:///srv": "parts/1": no space left on device
hint: free some space there and try again
[blobstore/full] exit 75`},
		{Check("s3://bucket?key=x"), `choosing the slug store: the URL is not one of a store: the parameter "key" is unknown or given twice
hint: use file:///dir, s3://bucket/prefix?endpoint=https://host&region=name or oci://host/repository
hint: credentials come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; SLUGC_REGISTRY_USER, SLUGC_REGISTRY_PASSWORD
[usage/store] exit 2`},
	} {
		f := fault.Of(test.err)
		text := f.Error()
		for _, h := range f.Hints {
			text += "\nhint: " + h
		}
		text += fmt.Sprintf("\n[%s] exit %d", f.ID, f.Code)
		text = regexp.MustCompile(`127\.0\.0\.1(:|%3A)\d+`).ReplaceAllString(text, "HOST")
		text = strings.ReplaceAll(strings.ReplaceAll(text, p.digest.String(), "DIGEST"), dir, "DIR")
		if diff := cmp.Diff(test.want, text); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// full is what a full disk gives.
func full() error {
	d := dir{place: "file:///srv", path: "/srv"}
	return d.disk(&os.PathError{Op: "write", Path: "/srv/parts/1", Err: syscall.ENOSPC})
}

// TestReadOnly puts a slug where nothing may be written.
func TestReadOnly(t *testing.T) {
	p := small(t, "one")
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o644))
	_, _, err := open(t, "file://"+file, quick).Put(t.Context(), p.file, p.digest)
	wants(t, err, "blobstore/refused", fault.Usage)
	_, _, err = open(t, "file:///proc/nothing", quick).Put(t.Context(), p.file, p.digest)
	if err == nil {
		t.Error("something was put in /proc")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err = open(t, "file://"+t.TempDir(), quick).Put(ctx, p.file, p.digest); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestMendsDamage damages a part in a shared directory: getting says so, putting the slug again
// mends it.
func TestMendsDamage(t *testing.T) {
	p, root := small(t, "one"), t.TempDir()
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
	_, err = s.Get(t.Context(), url, p.digest, target(t), nil)
	wants(t, err, "blobstore/damaged", fault.Slugc)
	_, moved, err := s.Put(t.Context(), p.file, p.digest)
	check(t, err)
	if moved.Parts != 1 {
		t.Errorf("mending moved %+v", moved)
	}
	to := target(t)
	_, err = s.Get(t.Context(), url, p.digest, to, nil)
	check(t, err)
	same(t, to, p)
	wrong := p.digest[:len(p.digest)-1] + "x"
	if _, _, err := s.Put(t.Context(), p.file, wrong); err == nil {
		t.Error("a digest that is none passes")
	}
	_, _, err = s.Put(t.Context(), p.file, digest.Of(nil))
	wants(t, err, "slug/damaged", fault.Slugc)
}
