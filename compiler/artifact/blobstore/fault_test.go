package blobstore

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slugc/compiler/artifact/blobstore/blobstoretest"
	"slugc/compiler/fault"
)

// onBoth runs a test with both protocols.
func onBoth(t *testing.T, test func(t *testing.T, f *fakeServer)) {
	for name, start := range fakes {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, start(t)) })
	}
}

// wantFault requires a fault of an id and an owner, with a hint and a text of one line.
func wantFault(t *testing.T, err error, id string, owner fault.Owner) {
	t.Helper()
	if f := fault.Of(err); f == nil || f.ID != id || f.Owner != owner || len(f.Hints) == 0 ||
		strings.ContainsAny(f.Error(), "\n\r") {
		t.Fatalf("got %+v, want %s of %s", f, id, owner)
	}
}

func TestStatusIsAnswered(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		p, s := blobstoretest.Small(t, "one"), open(t, f.url, quick)
		for status, id := range map[int]string{
			503: "blobstore/unreachable", 500: "blobstore/unreachable", 429: "blobstore/unreachable",
			401: "blobstore/denied", 403: "blobstore/denied",
			400: "blobstore/refused", 405: "blobstore/refused",
		} {
			f.intercept(func(w http.ResponseWriter, r *http.Request, _ http.Handler) { w.WriteHeader(status) })
			owner := fault.Usage
			if id == "blobstore/unreachable" {
				owner = fault.Transient
			}
			_, _, err := s.Put(t.Context(), p.File, p.Digest)
			wantFault(t, err, id, owner)
			_, err = s.Get(t.Context(), "", p.Digest, target(t), nil)
			wantFault(t, err, id, owner)
			wantFault(t, s.Stat(t.Context(), "", p.Digest), id, owner)
		}
	})
}

func TestUnreachableForAWhile(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		p := blobstoretest.Small(t, "one")
		var n atomic.Int64
		f.intercept(func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
			if (sends(r) || fetches(r)) && n.Add(1)%2 == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			answer.ServeHTTP(w, r)
		})
		// Every other answer of all parts together is bad, so one part may get several in a row.
		o := quick
		o.tries = 12
		s := open(t, f.url, o)
		url := put(t, s, p)
		to := target(t)
		_, err := s.Get(t.Context(), url, p.Digest, to, nil)
		check(t, err)
		blobstoretest.Same(t, to, p)
	})
}

// TestCutUpload ends the connection while parts are sent: nothing looks like a slug then, and the
// next put completes the upload.
func TestCutUpload(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		p, s := blobstoretest.Small(t, "one"), open(t, f.url, quick)
		var n atomic.Int64
		f.intercept(func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
			if sends(r) && n.Add(1) > 1 {
				_, _ = r.Body.Read(make([]byte, 100))
				hangUp(w)
				return
			}
			answer.ServeHTTP(w, r)
		})
		_, _, err := s.Put(t.Context(), p.File, p.Digest)
		wantFault(t, err, "blobstore/unreachable", fault.Transient)
		f.intercept(nil)
		wantFault(t, s.Stat(t.Context(), "", p.Digest), "blobstore/missing", fault.Usage)
		_, err = s.Get(t.Context(), "", p.Digest, target(t), nil)
		wantFault(t, err, "blobstore/missing", fault.Usage)
		url, moved, err := s.Put(t.Context(), p.File, p.Digest)
		check(t, err)
		if moved.ReusedParts == 0 || moved.Parts == 0 {
			t.Errorf("after an upload that was cut off, the next moved %+v", moved)
		}
		check(t, s.Stat(t.Context(), url, p.Digest))
	})
}

// TestDamagedParts damages parts on their way and in the store.
func TestDamagedParts(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		p, s := blobstoretest.Small(t, "one"), open(t, f.url, quick)
		url := put(t, s, p)
		flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
		for name, test := range map[string]struct {
			lie    bool
			change func([]byte) []byte
			id     string
			owner  fault.Owner
		}{
			"flipped":  {true, flip, "blobstore/damaged", fault.Slugc},
			"cut off":  {true, func(b []byte) []byte { return b[:len(b)/2] }, "blobstore/unreachable", fault.Transient},
			"short":    {false, func(b []byte) []byte { return b[:len(b)/2] }, "blobstore/damaged", fault.Slugc},
			"of none":  {false, func(b []byte) []byte { return nil }, "blobstore/damaged", fault.Slugc},
			"of zeros": {true, func(b []byte) []byte { clear(b); return b }, "blobstore/damaged", fault.Slugc},
		} {
			f.intercept(func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
				if fetches(r) {
					changed(w, r, answer, test.lie, test.change)
					return
				}
				answer.ServeHTTP(w, r)
			})
			to := target(t)
			_, err := s.Get(t.Context(), url, p.Digest, to, nil)
			if f := fault.Of(err); f == nil || f.ID != test.id {
				t.Errorf("%s: got %v, want %s", name, err, test.id)
			}
			empty(t, filepath.Dir(to))
		}
	})
}

func TestMissingPart(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		p, s := blobstoretest.Small(t, "one"), open(t, f.url, quick)
		url := put(t, s, p)
		f.intercept(func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
			if isPart(r) {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			answer.ServeHTTP(w, r)
		})
		to := target(t)
		_, err := s.Get(t.Context(), url, p.Digest, to, nil)
		wantFault(t, err, "blobstore/missing", fault.Usage)
		empty(t, filepath.Dir(to))
		wantFault(t, s.Stat(t.Context(), url, p.Digest), "blobstore/missing", fault.Usage)
	})
}

// TestEndless sends bodies without an end, as an index or manifest and as parts.
func TestEndless(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		p, s := blobstoretest.Small(t, "one"), open(t, f.url, quick)
		url := put(t, s, p)
		for _, parts := range []bool{false, true} {
			f.intercept(func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
				if r.Method != http.MethodGet || isPart(r) != parts || r.URL.Path == "/v2/" {
					answer.ServeHTTP(w, r)
					return
				}
				w.Header().Set("ETag", `"0"`)
				w.Header().Set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
				for b := make([]byte, 64<<10); ; {
					if _, err := w.Write(b); err != nil {
						return
					}
				}
			})
			to := target(t)
			_, err := s.Get(t.Context(), url, p.Digest, to, nil)
			if id := fault.Of(err).ID; err == nil || id != "blobstore/damaged" {
				t.Errorf("parts: %t: got %v", parts, err)
			}
			empty(t, filepath.Dir(to))
		}
	})
}

// TestStall meets a server that no longer answers.
func TestStall(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		p := blobstoretest.Small(t, "one")
		url := put(t, open(t, f.url, quick), p)
		o := quick
		o.idle, o.tries = 50*time.Millisecond, 2
		s := open(t, f.url, o)
		f.intercept(func(w http.ResponseWriter, r *http.Request, answer http.Handler) { <-r.Context().Done() })
		_, err := s.Get(t.Context(), url, p.Digest, target(t), nil)
		wantFault(t, err, "blobstore/unreachable", fault.Transient)
		_, _, err = s.Put(t.Context(), p.File, p.Digest)
		wantFault(t, err, "blobstore/unreachable", fault.Transient)
	})
}

// TestCancel ends the context while the server is silent.
func TestCancel(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		p, s := blobstoretest.Small(t, "one"), open(t, f.url, quick)
		url := put(t, s, p)
		asked := make(chan struct{}, 100)
		f.intercept(func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
			if !isPart(r) {
				answer.ServeHTTP(w, r)
				return
			}
			asked <- struct{}{}
			<-r.Context().Done()
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-asked; cancel() }()
		to := target(t)
		_, err := s.Get(ctx, url, p.Digest, to, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		empty(t, filepath.Dir(to))
		ctx, cancel = context.WithCancel(t.Context())
		for len(asked) > 0 {
			<-asked
		}
		go func() { <-asked; cancel() }()
		if _, _, err = s.Put(ctx, p.File, p.Digest); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
