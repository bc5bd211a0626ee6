package blobstore

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"slugc/compiler/fault"
)

// fourBuilders put the same slug at once.
func fourBuilders(t *testing.T, url string, o Options) {
	p := small(t, "four")
	urls := make([]string, 4)
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range urls {
		wg.Go(func() {
			var s Store
			if s, errs[i] = Open(url, o); errs[i] == nil {
				urls[i], _, errs[i] = s.Put(t.Context(), p.file, p.digest)
			}
		})
	}
	wg.Wait()
	for i := range urls {
		if errs[i] != nil || urls[i] != urls[0] {
			t.Errorf("one got %q, %v; another %q", urls[i], errs[i], urls[0])
		}
	}
	to := target(t)
	_, err := open(t, urls[0], o).Get(t.Context(), urls[0], p.digest, to, nil)
	check(t, err)
	same(t, to, p)
}

// denied comes with wrong credentials, and to a registry without any, where the server asks for
// them.
func denied(t *testing.T, url string, guarded bool) {
	if !guarded {
		return
	}
	p := small(t, "denied")
	for _, settings := range []map[string]string{{}, {"AWS_ACCESS_KEY_ID": swiftKeys["AWS_ACCESS_KEY_ID"], "AWS_SECRET_ACCESS_KEY": "wrong"}, {"SLUGC_REGISTRY_USER": "builder", "SLUGC_REGISTRY_PASSWORD": "wrong"}} {
		o := quick
		if o.Settings = settings; strings.HasPrefix(url, "s3:") != (settings["AWS_ACCESS_KEY_ID"] != "") {
			continue
		}
		_, _, err := open(t, url, o).Put(t.Context(), p.file, p.digest)
		wants(t, err, "blobstore/denied", fault.Usage)
		_, err = open(t, url, o).Get(t.Context(), "", p.digest, target(t), nil)
		wants(t, err, "blobstore/denied", fault.Usage)
	}
}

// TestKilledWriters leaves what a killed process leaves in a shared directory: it is no slug, and
// in nobody's way.
func TestKilledWriters(t *testing.T) {
	p, root := small(t, "one"), t.TempDir()
	s := open(t, "file://"+root, quick)
	for _, d := range []string{"parts", "slugs"} {
		check(t, os.MkdirAll(filepath.Join(root, d), 0o755))
		check(t, os.WriteFile(filepath.Join(root, d, unfinished+"1"), []byte("{"), 0o600))
	}
	if err := s.Stat(t.Context(), "", p.digest); err == nil {
		t.Error("there is a slug")
	}
	check(t, s.Stat(t.Context(), put(t, s, p), p.digest))
}
