package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
	"slugc/cache/disk"
)

// Names in an app's state of what is noted for [App.Kept]. All of it is for choosing what to remove: a note
// that is missing or damaged only makes something be measured again, or look older.
const (
	sizesFile = "sizes.json" // bytes of layers by ‹buildpack›/‹layer›; its time is the last use
	servedDir = "served"     // an empty file for each slug; its time is the last use

	segmentsPlace = "segments"
)

// exactUse is how exactly a last use is noted.
const exactUse = time.Hour

// Kept is what is kept for an app's next build.
type Kept struct {
	Layers     map[string]int64 // bytes by ‹buildpack›/‹layer›
	Segments   int64            // bytes, without those that are a slug's too
	Submodules int64
	Left       int64     // bytes that a killed build left, or that a running one uses
	Used       time.Time // when it last served, at most an hour too early; zero if there is nothing
}

// Size is the bytes of all.
func (k *Kept) Size() int64 {
	size := k.Segments + k.Submodules + k.Left
	for _, n := range k.Layers {
		size += n
	}
	return size
}

// Kept returns what is kept for the app's next build. Layers that no build has measured are measured by a
// walk, and noted.
func (a *App) Kept() (*Kept, error) {
	k := &Kept{Used: a.lastUse()}
	var err error
	if k.Layers, err = a.layerSizes(); err != nil {
		return nil, err
	}
	if k.Segments, err = disk.OwnSize(a.Path(segmentsPlace)); err != nil {
		return nil, err
	}
	if k.Submodules, err = disk.Size(a.Path("submodules")); err != nil {
		return nil, err
	}
	for _, part := range []string{buildDir, begunDir, "incoming"} {
		size, _ := disk.Size(a.Path(part)) // a tree of a build's, which may be too deep to be walked
		k.Left += size
	}
	return k, nil
}

// lastUse is when what is kept for the next build last served.
func (a *App) lastUse() time.Time {
	for _, name := range []string{sizesFile, recordFile, layersPlace, segmentsPlace, buildDir} {
		if info, err := os.Lstat(a.Path(name)); err == nil {
			return info.ModTime()
		}
	}
	return time.Time{}
}

// layerSizes returns the bytes of each layer.
func (a *App) layerSizes() (map[string]int64, error) {
	info, err := os.Lstat(a.Path(layersPlace))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("measuring the layers of %q: %w", a.Name, err)
	}
	var sizes map[string]int64
	data, err := disk.ReadRegular(a.Path(sizesFile), 1<<20)
	if err == nil && json.Unmarshal(data, &sizes) == nil && sizes != nil {
		return sizes, nil
	}
	layers, err := beneath.Open(a.Path(layersPlace))
	if err != nil {
		return nil, fmt.Errorf("measuring the layers of %q: %w", a.Name, err)
	}
	defer layers.Close()
	sizes = layerSizes{}
	var mu sync.Mutex
	err = layers.Scan(".", func(l *beneath.Listing) error {
		mu.Lock()
		defer mu.Unlock()
		layerSizes(sizes).addAll(l)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("measuring the layers of %q: %w", a.Name, err)
	}
	a.noteSizes(sizes, info.ModTime())
	return sizes, nil
}

// layerSizes are bytes of layers by ‹buildpack›/‹layer›.
type layerSizes map[string]int64

// add counts a file of the layers directory.
func (s layerSizes) add(name string, e beneath.Entry) {
	if pack, rest, ok := strings.Cut(name, "/"); ok && e.Mode&unix.S_IFMT == unix.S_IFREG {
		layer, _, _ := strings.Cut(rest, "/")
		s[pack+"/"+strings.TrimSuffix(layer, tomlSuffix)] += e.Size
	}
}

// addAll counts the files of one directory of the layers.
func (s layerSizes) addAll(l *beneath.Listing) {
	for _, e := range l.Entries {
		s.add(path.Join(l.Path, e.Name), e)
	}
}

// noteSizes notes the sizes of layers that were last used at a time. Nothing is synced: it is only a note.
func (a *App) noteSizes(sizes layerSizes, used time.Time) {
	data, err := json.Marshal(sizes)
	if err != nil {
		return
	}
	tmp := a.Path("." + sizesFile)
	if os.WriteFile(tmp, data, 0o600) == nil && os.Chtimes(tmp, used, used) == nil {
		_ = os.Rename(tmp, a.Path(sizesFile))
	}
}

// forgetSizes drops the note of sizes: they are no longer those of the layers.
func (a *App) forgetSizes() { _ = os.Remove(a.Path(sizesFile)) }

// MarkUsed notes that what is kept for the next build, and a slug, served now. An hour is exact enough.
func (a *App) MarkUsed(slug string) {
	touch(a.Path(sizesFile), false)
	a.MarkServed(slug)
}

// MarkServed notes that a slug, a file among the app's slugs, served now. Another file's is not noted.
func (a *App) MarkServed(slug string) {
	if filepath.Dir(slug) == a.Path("slugs") && os.MkdirAll(a.Path(servedDir), 0o700) == nil {
		touch(a.Path(servedDir, filepath.Base(slug)), true)
	}
}

// LastServed returns when a slug of the app last served, at most an hour too early: its file's time where
// that is not noted. It is zero for a slug that is not there.
func (a *App) LastServed(slug string) time.Time {
	made, err := os.Stat(slug)
	if err != nil {
		return time.Time{}
	}
	noted, err := os.Stat(a.Path(servedDir, filepath.Base(slug)))
	if err != nil || noted.ModTime().Before(made.ModTime()) {
		return made.ModTime()
	}
	return noted.ModTime()
}

// ForgetServed removes the notes of slugs that are gone.
func (a *App) ForgetServed() {
	entries, _ := os.ReadDir(a.Path(servedDir)) // most apps have some
	for _, e := range entries {
		if _, err := os.Lstat(a.Path("slugs", e.Name())); errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(a.Path(servedDir, e.Name()))
		}
	}
}

// touch sets a file's time to now, unless it is less than an hour old. It makes a missing file if it may.
func touch(file string, create bool) {
	now := time.Now()
	info, err := os.Stat(file)
	switch {
	case err == nil && now.Sub(info.ModTime()).Abs() < exactUse:
	case err == nil:
		_ = os.Chtimes(file, now, now)
	case create:
		_ = os.WriteFile(file, nil, 0o600)
	}
}

// TryLock is [App.Lock] that does not wait: ok is false where another process holds the lock.
func (a *App) TryLock() (unlock func(), ok bool, err error) {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return nil, false, fmt.Errorf("making the state of app %q: %w", a.Name, err)
	}
	lock := flock.New(a.Path("lock"))
	if ok, err = lock.TryLock(); err != nil {
		return nil, false, fmt.Errorf("locking app %q: %w", a.Name, err)
	}
	return func() { _ = lock.Unlock() }, ok, nil
}
