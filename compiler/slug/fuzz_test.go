package slug

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

func FuzzRead(f *testing.F) {
	for _, s := range hostile() {
		b, err := os.ReadFile(s.write(f))
		must(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		outer := t.TempDir()
		p := filepath.Join(outer, "slug")
		must(t, os.WriteFile(p, b, 0o644))
		_, inspected := Inspect(p)
		_, verified := Verify(context.Background(), p, "")
		unpacked := Unpack(context.Background(), p, filepath.Join(outer, "app"), UnpackOptions{MaxBytes: 1 << 20})
		readAll(p)
		if verified == nil && (inspected != nil || unpacked != nil) {
			t.Errorf("a sound slug does not open: %v, %v", inspected, unpacked)
		}
		if names, _ := os.ReadDir(outer); len(names) > 2 {
			t.Errorf("something was written outside: %v", names)
		}
	})
}

// FuzzArchive fuzzes what a slug sound in all its sums may hold.
func FuzzArchive(f *testing.F) {
	for _, s := range hostile() {
		f.Add(bytes.Join(s.segments, nil), uint16(1024), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16, split bool) {
		if len(b) == 0 {
			return
		}
		s := forged{segments: [][]byte{b}}
		if at := int(cut) % len(b); at > 0 {
			s.segments = [][]byte{b[:at], b[at:]}
			if split {
				s.parts = []int{0, 1}
			}
		}
		p, outer := s.write(t), t.TempDir()
		_, verified := Verify(context.Background(), p, "")
		unpacked := Unpack(context.Background(), p, filepath.Join(outer, "app"), UnpackOptions{})
		readAll(p)
		if verified == nil && unpacked != nil {
			t.Errorf("a sound slug does not unpack: %v", unpacked)
		}
		if names, _ := os.ReadDir(outer); len(names) > 1 {
			t.Errorf("something was written outside: %v", names)
		}
	})
}

// FuzzIndex fuzzes the index of a store: nothing in it may make a store panic or hang.
func FuzzIndex(f *testing.F) {
	app := f.TempDir()
	must(f, os.WriteFile(filepath.Join(app, "file"), []byte("content"), 0o644))
	sections := []Section{{Name: "app", Dir: app, Key: "k"}}
	seed := f.TempDir()
	_, err := Pack(context.Background(), PackOptions{
		Store: &Store{dir: seed}, Sections: sections, Output: filepath.Join(f.TempDir(), "slug.tgz"),
	})
	must(f, err)
	content, err := os.ReadFile(filepath.Join(seed, indexName))
	must(f, err)
	_, body, _ := bytes.Cut(content, []byte("\n"))
	f.Add(body)
	f.Add([]byte(`{"codec":"` + codec + `","segments":{"":{"pack":"../x","offset":-1,"size":9223372036854775807}},` +
		`"records":[{"name":"app","key":"k","segments":[{"digest":""}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		outer := t.TempDir()
		store := &Store{dir: filepath.Join(outer, "store")}
		must(t, os.Mkdir(store.dir, 0o755))
		sum := sha256.Sum256(body)
		index := bytes.Join([][]byte{[]byte(hex.EncodeToString(sum[:])), body}, []byte("\n"))
		must(t, os.WriteFile(filepath.Join(store.dir, indexName), index, 0o644))
		_, _ = store.Kept("")
		out := filepath.Join(outer, "slug.tgz")
		for _, list := range [][]Section{{{Name: "app", Key: "k"}}, sections} {
			_, _ = Pack(context.Background(), PackOptions{Store: store, Sections: list, Output: out})
		}
		_, _ = store.Verify(context.Background())
		_, _ = store.Prune(context.Background(), nil)
	})
}
