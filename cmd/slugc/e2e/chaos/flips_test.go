package chaos_test

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slugc/compiler/release"
)

// damages are what happens to a file. Sizes are never 0; at is a number to choose a place by.
var damages = []struct {
	name string
	do   func(data []byte, at uint32) []byte
}{
	{"flip", func(data []byte, at uint32) []byte {
		data[int(at/8)%len(data)] ^= 1 << (at % 8)
		return data
	}},
	{"empty", func([]byte, uint32) []byte { return nil }},
	{"cut", func(data []byte, at uint32) []byte { return data[:int(at)%len(data)] }},
	{"zeros", func(data []byte, at uint32) []byte {
		start := int(at) % len(data)
		clear(data[start:min(start+512, len(data))])
		return data
	}},
}

// stateFiles returns the files of the state directory by kind: the path with # for numbers and
// digests. Files that hold nothing are left out.
func (w *world) stateFiles() map[string][]string {
	w.Helper()
	kinds := map[string][]string{}
	err := filepath.WalkDir(w.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() == 0 {
			return err
		}
		name, _ := filepath.Rel(w.home, path)
		kind := number.ReplaceAllString(name, "#")
		kinds[kind] = append(kinds[kind], path)
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return kinds
}

// TestDamage damages every kind of file that slugc keeps, by one flipped bit or more. The next builds
// make the right bytes, or name what is damaged.
func TestDamage(t *testing.T) {
	for i, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			s := newSweep(t, map[int]int{0: 1, 1: 1}[i])
			if s == nil {
				return
			}
			dir := mount(t, "tmpfs")
			w := newWorld(t, dir)
			w.must(w.second()...)
			kinds := slices.Sorted(maps.Keys(w.stateFiles()))
			for _, n := range s.choose(len(kinds) * 8) {
				kind := kinds[(n-1+i)%len(kinds)]
				files := w.stateFiles()[kind]
				if len(files) == 0 {
					continue
				}
				p := w.damage(files[n%len(files)], n, d.do)
				s.report(n, d.name+" "+kind, p)
				// A slug that was damaged is gone, and that was said at its point. It may be among the segments, too.
				gone := strings.HasPrefix(kind, "coordinator") || strings.HasPrefix(kind, "apps/a/slugs/") ||
					strings.HasPrefix(kind, "apps/a/segments/")
				if len(p) > 0 || gone || n%epoch == 0 {
					w = newWorld(t, dir)
					w.must(w.second()...)
				}
			}
		})
	}
}

// second is a build of a changed line, so that there is a release before the current one.
func (w *world) second() []string {
	w.change()
	return []string{"slugc", "build", w.app, "--app", "a"}
}

// damage changes a file behind slugc's back and returns what is wrong afterwards.
func (w *world) damage(file string, n int, do func([]byte, uint32) []byte) (p problems) {
	w.Helper()
	before, err := w.releases()
	if err != nil {
		return problems{err.Error()}
	}
	w.rewrite(file, n, do)
	named := w.named()
	for _, what := range []string{"the next build", "the build after it, of a changed line"} {
		o := w.build()
		digest, err := o.digest()
		switch want := clean(w, w.variant); {
		case err == nil && digest != want:
			p.add("%s: exit 0 with wrong bytes %s, a clean build makes %s", what, digest, want)
		case err != nil && strings.HasPrefix(file, filepath.Join(w.home, "coordinator.db")):
			named = named || strings.Contains(o.Stderr, "coordinator/")
			p = append(p, failed(o)...)
		case err != nil:
			p.add("%s: %v", what, err)
		}
		w.change()
	}
	if now, err := w.releases(); err == nil && !named {
		for _, r := range before {
			i := slices.IndexFunc(now, func(other release.Release) bool { return other.Version == r.Version })
			if i < 0 || now[i].Slug.Digest != r.Slug.Digest {
				p.add("v%d is lost, and nothing said so", r.Version)
			} else if err := w.slug(r.Slug); err != nil {
				p.add("the slug of v%d is damaged, and nothing said so: %v", r.Version, err)
			}
		}
	}
	return p
}

// rewrite damages a file. Its modification time stays, as on a disk that rots.
func (w *world) rewrite(file string, n int, do func([]byte, uint32) []byte) {
	w.Helper()
	info, err := os.Stat(file)
	if err != nil {
		w.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		w.Fatal(err)
	}
	h := fnv.New32a()
	fmt.Fprint(h, n)
	if err := os.WriteFile(file, do(data, h.Sum32()), info.Mode().Perm()); err != nil {
		w.Fatal(err)
	}
	if err := os.Chtimes(file, time.Time{}, info.ModTime()); err != nil {
		w.Fatal(err)
	}
}

// named reports whether `slugc cache verify` or a list of the releases says that something is damaged.
func (w *world) named() bool {
	w.Helper()
	return w.run("slugc", "cache", "verify").Exit != 0 || w.run("slugc", "releases", "a").Exit != 0
}
