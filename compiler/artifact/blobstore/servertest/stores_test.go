// Package servertest uses every kind of store with the real server behind it.
package servertest

import (
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/artifact/blobstore/blobstoretest"
	"slugc/compiler/fault"
)

// use is a store in use by a test.
type use struct {
	url     string
	options blobstore.Options
}

func (u use) open(t testing.TB) blobstore.Store {
	t.Helper()
	s, err := blobstore.Open(u.url, u.options)
	check(t, err)
	return s
}

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // Go's HTTP client complains there about answers
	os.Exit(m.Run())
}

func TestStores(t *testing.T) {
	before, after := blobstoretest.Large(t)
	for name, kind := range map[string]struct {
		start   func(t testing.TB) (url string, o blobstore.Options) // an empty store
		guarded bool                                                 // it asks for credentials
		image   bool                                                 // anyone can pull its slugs as images
	}{
		"directory":        {start: directory},
		"bucket":           {start: swift, guarded: true},
		"registry":         {start: registry, image: true},
		"guarded registry": {start: guardedRegistry, guarded: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, o := kind.start(t)
			u := use{url, o}
			t.Run("round trip", func(t *testing.T) { roundTrip(t, u, before, after) })
			t.Run("four builders", func(t *testing.T) { fourBuilders(t, u) })
			if kind.guarded {
				t.Run("denied", func(t *testing.T) { denied(t, u) })
			}
			if kind.image {
				t.Run("image", func(t *testing.T) { image(t, u, before) })
			}
		})
	}
}

// roundTrip puts a slug of common size and one with one file changed, and fetches both on another
// machine.
func roundTrip(t *testing.T, u use, before, after blobstoretest.Slug) {
	s := u.open(t)
	watch := stopwatch{T: t, began: time.Now()}
	first, moved, err := s.Put(t.Context(), before.File, before.Digest)
	check(t, err)
	watch.lap("put", moved)
	if moved.Reused != 0 || moved.Bytes < before.Size {
		t.Errorf("the first put moved %+v of %d bytes", moved, before.Size)
	}
	again, moved, err := s.Put(t.Context(), before.File, before.Digest)
	check(t, err)
	watch.lap("put again", moved)
	if again != first || moved.Bytes != 0 || moved.Reused < before.Size {
		t.Errorf("putting it again moved %+v and returned %q, then %q", moved, first, again)
	}
	second, moved, err := s.Put(t.Context(), after.File, after.Digest)
	check(t, err)
	watch.lap("put one line", moved)
	if moved.Bytes > 6<<20 || moved.Bytes+moved.Reused < after.Size || second == first {
		t.Errorf("one line's change moved %+v", moved)
	}
	check(t, s.Stat(t.Context(), second, after.Digest))
	check(t, s.Stat(t.Context(), "", after.Digest))
	fetchBoth(t, use{first, u.options}, before, after)
}

// fetchBoth fetches the slugs from the store that u names by the first one's URL.
func fetchBoth(t *testing.T, u use, before, after blobstoretest.Slug) {
	dir, s := t.TempDir(), u.open(t)
	one, two, three := filepath.Join(dir, "1.tgz"), filepath.Join(dir, "2.tgz"), filepath.Join(dir, "3.tgz")
	watch := stopwatch{T: t, began: time.Now()}
	moved, err := s.Get(t.Context(), u.url, before.Digest, one, nil)
	check(t, err)
	watch.lap("get", moved)
	blobstoretest.Same(t, one, before)
	if moved.Bytes != before.Size || moved.Reused != 0 {
		t.Errorf("the first get moved %+v of %d bytes", moved, before.Size)
	}
	moved, err = s.Get(t.Context(), "", after.Digest, two, []string{filepath.Join(dir, "gone.tgz"), one})
	check(t, err)
	watch.lap("get one line", moved)
	blobstoretest.Same(t, two, after)
	if moved.Bytes > 6<<20 || moved.Bytes+moved.Reused != after.Size {
		t.Errorf("one line's change moved %+v", moved)
	}
	damaged := filepath.Join(dir, "damaged.tgz")
	blobstoretest.Damage(t, one, damaged)
	moved, err = s.Get(t.Context(), u.url, before.Digest, three, []string{damaged})
	check(t, err)
	blobstoretest.Same(t, three, before)
	if moved.Parts == 0 || moved.ReusedParts == 0 || moved.Bytes+moved.Reused != before.Size {
		t.Errorf("beside a damaged slug a get moved %+v", moved)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if check(t, err); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// stopwatch logs how long the steps of a test take.
type stopwatch struct {
	*testing.T
	began time.Time
}

func (s *stopwatch) lap(what string, t blobstore.Transfer) {
	s.Logf("%-22s %8.2f s  moved %9d in %2d, reused %9d in %2d",
		what, time.Since(s.began).Seconds(), t.Bytes, t.Parts, t.Reused, t.ReusedParts)
	s.began = time.Now()
}

// fourBuilders put the same slug at the same time.
func fourBuilders(t *testing.T, u use) {
	p := blobstoretest.Small(t, "four")
	urls := make([]string, 4)
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range urls {
		wg.Go(func() {
			var s blobstore.Store
			if s, errs[i] = blobstore.Open(u.url, u.options); errs[i] == nil {
				urls[i], _, errs[i] = s.Put(t.Context(), p.File, p.Digest)
			}
		})
	}
	wg.Wait()
	for i := range urls {
		if errs[i] != nil || urls[i] != urls[0] {
			t.Errorf("one got %q, %v; another %q", urls[i], errs[i], urls[0])
		}
	}
	to := filepath.Join(t.TempDir(), "slug.tgz")
	_, err := use{urls[0], u.options}.open(t).Get(t.Context(), urls[0], p.Digest, to, nil)
	check(t, err)
	blobstoretest.Same(t, to, p)
}

// denied uses wrong credentials, and a registry without any.
func denied(t *testing.T, u use) {
	p := blobstoretest.Small(t, "denied")
	wrong := []map[string]string{{}, {"SLUGC_REGISTRY_USER": "builder", "SLUGC_REGISTRY_PASSWORD": "wrong"}}
	if strings.HasPrefix(u.url, "s3:") {
		id := swiftKeys["AWS_ACCESS_KEY_ID"]
		wrong = []map[string]string{{"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": "wrong"}}
	}
	for _, c := range wrong {
		s := use{u.url, blobstore.Options{Credentials: c}}.open(t)
		_, _, err := s.Put(t.Context(), p.File, p.Digest)
		wantDenied(t, err)
		_, err = s.Get(t.Context(), "", p.Digest, filepath.Join(t.TempDir(), "slug.tgz"), nil)
		wantDenied(t, err)
	}
}

func wantDenied(t *testing.T, err error) {
	t.Helper()
	if f := fault.Of(err); f == nil || f.ID != "blobstore/denied" || f.Owner != fault.Usage {
		t.Errorf("got %v", err)
	}
}

// put puts a slug, which must work, and returns its URL.
func put(t testing.TB, u use, p blobstoretest.Slug) string {
	t.Helper()
	url, _, err := u.open(t).Put(t.Context(), p.File, p.Digest)
	check(t, err)
	return url
}

// check ends the test on an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
