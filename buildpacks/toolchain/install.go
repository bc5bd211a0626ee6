package toolchain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
)

// record is what a tree says of itself, in toolchain.json at its root.
type record struct {
	Schema  int      `json:"schema"`
	Tool    string   `json:"name"`
	Version string   `json:"version"`
	OS      string   `json:"os"`
	Arch    string   `json:"arch"`
	Source  string   `json:"source"`
	Digest  string   `json:"digest"`
	Hashes  []string `json:"hashes,omitempty"` // "sha512.‹hex›" and others, of everything an app may pin
	Root    string   `json:"root,omitempty"`   // for a tree that lies outside the store
}

func (r *record) pinned(hash string) bool {
	algo, sum, ok := strings.Cut(hash, ".")
	return ok && slices.Contains(r.Hashes, strings.ToLower(algo)+"."+strings.ToLower(sum))
}

// job is one fetch into the store.
type job struct {
	version string
	tree    string          // the directory to make and fill
	temp    string          // an existing directory for downloads
	hashes  []string        // filled by the source: see record.Hashes
	part    func() tellFunc // begins to tell of one more download
	note    func(line string)
}

// lockPoll is how often a lock is tried.
const lockPoll = 50 * time.Millisecond

type tellFunc func(done, total int64)

func (st *Store) id(tool, version string) string {
	return fmt.Sprintf("%s-%s-%s-%s", tool, version, st.set.OS, st.set.Arch)
}

func (st *Store) tree(tool, version string) string {
	return filepath.Join(st.dir, tool, fmt.Sprintf("%s-%s-%s", version, st.set.OS, st.set.Arch))
}

// held returns the record of a whole tree, or nil.
func (st *Store) held(tool, version string) *record {
	r := readRecord(st.tree(tool, version))
	if r == nil || r.Tool != tool || r.Version != version ||
		tool == "ruby" && checkRuby(st.tree(tool, version), version) != nil {
		return nil
	}
	return r
}

func readRecord(tree string) *record {
	b, err := os.ReadFile(filepath.Join(tree, recordName))
	var r record
	if err != nil || json.Unmarshal(b, &r) != nil || r.Schema != 1 {
		return nil
	}
	return &r
}

// records are the whole trees of a tool, of any platform.
func (st *Store) records(tool string) []*record {
	entries, _ := os.ReadDir(filepath.Join(st.dir, tool))
	var list []*record
	for _, e := range entries {
		if r := readRecord(filepath.Join(st.dir, tool, e.Name())); r != nil && r.Tool == tool {
			list = append(list, r)
		}
	}
	return list
}

// install puts a version into the store, or finds that another process has. Who comes second waits
// for the first.
func (st *Store) install(ctx context.Context, req Request, s source, version string, p Progress) (*record, error) {
	if l, ok := s.(*localGo); ok {
		return l.record(version), nil
	}
	if r := st.held(req.Tool, version); r != nil {
		return r, nil
	}
	lock, err := st.lock(ctx, st.id(req.Tool, version), false)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	if r := st.held(req.Tool, version); r != nil {
		return r, nil
	}
	staging := filepath.Join(st.dir, stagingDir, st.id(req.Tool, version))
	if err := removeTree(staging); err != nil {
		return nil, fmt.Errorf("clearing an unfinished fetch: %w", err)
	}
	if err := os.MkdirAll(staging, 0o755); err != nil {
		return nil, fmt.Errorf("staging %s %s: %w", req.Tool, version, err)
	}
	defer removeTree(staging)
	j := &job{
		version: version,
		tree:    filepath.Join(staging, "tree"),
		temp:    staging,
		part:    meter(req.Tool, version, p),
		note:    p.Note,
	}
	digest, err := s.fetch(ctx, version, j)
	if err != nil {
		return nil, err
	}
	r := &record{
		Schema: 1, Tool: req.Tool, Version: version, OS: st.set.OS, Arch: st.set.Arch, Source: s.name(), Digest: digest, Hashes: j.hashes,
	}
	if req.Hash != "" && !r.pinned(req.Hash) {
		return nil, &HashError{req.Tool, version, req.From, req.Hash}
	}
	if err := st.commit(r, j.tree); err != nil {
		return nil, fmt.Errorf("storing %s %s: %w", req.Tool, version, err)
	}
	return r, nil
}

// commit puts a finished tree in its place: record, sync, rename, sync.
func (st *Store) commit(r *record, tree string) error {
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tree, recordName), append(b, '\n'), 0o644); err != nil {
		return err
	}
	if err := syncTree(tree); err != nil {
		return err
	}
	place := st.tree(r.Tool, r.Version)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	// Only a tree without a readable record can lie there: whole ones have been returned before.
	if err := removeTree(place); err != nil {
		return err
	}
	if err := os.Rename(tree, place); err != nil {
		return err
	}
	return syncDir(filepath.Dir(place))
}

// lock waits for the lock of a tool, version and platform. The lock ends with its process.
func (st *Store) lock(ctx context.Context, id string, shared bool) (*flock.Flock, error) {
	l := flock.New(filepath.Join(st.dir, lockDir, id))
	try := l.TryLockContext
	if shared {
		try = l.TryRLockContext
	}
	if _, err := try(ctx, lockPoll); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("locking %s: %w", id, err)
	}
	return l, nil
}

// sweep removes the staging directories that no living process holds.
func (st *Store) sweep() {
	entries, _ := os.ReadDir(filepath.Join(st.dir, stagingDir))
	for _, e := range entries {
		l := flock.New(filepath.Join(st.dir, lockDir, e.Name()))
		if ok, err := l.TryLock(); err != nil || !ok {
			continue
		}
		removeTree(filepath.Join(st.dir, stagingDir, e.Name()))
		l.Unlock()
	}
}

// mark notes that a tree is used. Once an hour is exact enough for pruning, and spares the disk.
func (st *Store) mark(id string) {
	file := filepath.Join(st.dir, usedDir, id)
	now := st.set.Now()
	if now.Sub(st.lastUse(id)).Abs() < time.Hour {
		return
	}
	if f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
		f.Close()
		os.Chtimes(file, now, now) // a mark that fails makes the tree look older, no more
	}
}

func (st *Store) lastUse(id string) time.Time {
	info, err := os.Stat(filepath.Join(st.dir, usedDir, id))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// meter adds the progress of a fetch's downloads up, so that its listener sees one.
func meter(tool, version string, p Progress) func() tellFunc {
	var done, total atomic.Int64
	return func() tellFunc {
		var lastDone, lastTotal int64
		return func(d, t int64) {
			sum, all := done.Add(d-lastDone), total.Add(t-lastTotal)
			lastDone, lastTotal = d, t
			p.Fetch(tool, version, sum, all)
		}
	}
}

// removeTree removes a directory, also one whose directories have been made read-only.
func removeTree(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			os.Chmod(p, 0o755)
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// writeJSON replaces a file of the store with a value, or leaves it as it was.
func writeJSON(file string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return renameio.WriteFile(file, b, 0o644)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
