package reference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"slugc/buildpacks/toolchain/manifest"
	"slugc/buildpacks/toolchain/source"
	"slugc/cache/digest"
	"slugc/cache/disk"
)

// about says what a package of the store is.
type about struct {
	Ref     string        `json:"ref"`    // that it was first taken by
	Name    string        `json:"name"`   // of that
	Source  string        `json:"source"` // of that
	Digest  digest.Digest `json:"digest"`
	Size    int64         `json:"size"` // bytes of its files
	Taken   time.Time     `json:"taken"`
	Members []member      `json:"buildpacks"`
}

// member is one buildpack of a package. A classic one has neither ID nor version of its own.
type member struct {
	Dir     string `json:"dir"` // relative to the tree, "." for its root
	Kind    Kind   `json:"kind"`
	ID      string `json:"id,omitempty"`
	Version string `json:"version,omitempty"`

	parts []part // of a composite one
}

// fetched is a package in staging.
type fetched struct {
	staging string // the directory for it alone
	tree    string // its files, below staging
	source  string
	seen    source.Validators // of an archive that was fetched
	members []member
}

// errAbsent is the error for a package that the store does not hold, or not whole.
var errAbsent = errors.New("the store does not hold it")

// commit puts a fetched package in its place, holds it, and returns what it is. Equal files are there once. Where was
// is a digest, only that package is put there.
func (s *Store) commit(ctx context.Context, r Ref, f *fetched, was digest.Digest) (*about, error) {
	m, err := manifest.Of(ctx, f.tree)
	if err != nil {
		return nil, err
	}
	d := m.Digest()
	if was != "" && was != d {
		return nil, failed(Writer, "buildpack/changed",
			fmt.Errorf("the store has lost its copy %s, and what is fetched now is %s", was.Short(), d.Short()),
			"`slugc buildpacks add REF` takes what it leads to now")
	}
	for {
		if err := s.hold(ctx, d); err != nil {
			return nil, err
		}
		kept, err := s.open(ctx, d)
		if !errors.Is(err, errAbsent) {
			return kept, err
		}
		a := &about{
			Ref: r.Text, Name: r.name(), Source: f.source, Digest: d, Size: m.Size(),
			Taken: time.Now().UTC().Round(time.Second), Members: f.members,
		}
		err = s.moveIn(f, m, a)
		if err == nil {
			return a, nil
		}
		s.drop(d)
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, unix.ENOTEMPTY) {
			return nil, fmt.Errorf("keeping the buildpack: %w", err)
		}
		// Another process has put it there, or a damaged one is in the way.
		if err := s.removeDamaged(ctx, d); err != nil {
			return nil, err
		}
	}
}

// moveIn puts a package in its place: whole after a crash, or not at all.
func (s *Store) moveIn(f *fetched, m *manifest.Manifest, a *about) error {
	text, err := json.MarshalIndent(a, "", "\t")
	if err != nil {
		return err
	}
	whole := filepath.Join(f.staging, "whole")
	if err := os.Mkdir(whole, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(whole, manifestName), m.Encode(), 0o644),
		os.WriteFile(filepath.Join(whole, aboutName), append(text, '\n'), 0o644),
	)
	if inside := filepath.Join(whole, treeName); err == nil && f.tree != inside {
		if err = os.Rename(f.tree, inside); err == nil {
			f.tree = inside
		}
	}
	if err == nil {
		err = disk.SyncFileSystem(whole)
	}
	if err == nil {
		err = os.Rename(whole, s.place(a.Digest))
	}
	if err == nil {
		err = disk.SyncDir(s.dir)
	}
	return err
}

// open returns what a package is, if it is there and as it was when it was put there. It must be held. The error is
// errAbsent if it is not.
func (s *Store) open(ctx context.Context, d digest.Digest) (*about, error) {
	a, err := s.read(d)
	if err != nil {
		return nil, err
	}
	if err := s.check(ctx, d, manifest.ByStat); err != nil {
		return nil, err
	}
	now := time.Now()
	_ = os.Chtimes(filepath.Join(s.place(d), aboutName), now, now) // it only says when the package was used
	return a, nil
}

// read reads what a package is. The error is errAbsent if there is none.
func (s *Store) read(d digest.Digest) (*about, error) {
	a := &about{}
	text, err := disk.ReadRegular(filepath.Join(s.place(d), aboutName), 1<<20)
	if err == nil {
		err = json.Unmarshal(text, a)
	}
	if err == nil && (a.Digest != d || len(a.Members) == 0) {
		err = errors.New("it does not say what it is")
	}
	if err != nil && !disk.Damaged(err) {
		return nil, fmt.Errorf("reading the store of buildpacks: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAbsent, err)
	}
	return a, nil
}

// check compares a package with its manifest. The error is errAbsent if it differs.
func (s *Store) check(ctx context.Context, d digest.Digest, depth manifest.Depth) error {
	file := filepath.Join(s.place(d), manifestName)
	m, err := manifest.Read(file)
	if err == nil {
		err = m.Check(ctx, filepath.Join(s.place(d), treeName), depth)
	}
	_, changed := errors.AsType[*manifest.Damage](err)
	switch {
	case err == nil && m.Digest() != d:
		return fmt.Errorf("%w: its manifest is of another", errAbsent)
	case err == nil && m.Changed:
		_ = m.Write(file) // where it cannot be written, the next use hashes again
		return nil
	case err == nil, ctx.Err() != nil:
		return err
	case changed || disk.Damaged(err):
		return fmt.Errorf("%w: %w", errAbsent, err)
	}
	return fmt.Errorf("reading the store of buildpacks: %w", err)
}

// replaceWait is how long a damaged package may be in use by other builds before a build that needs it ends.
const replaceWait = 10 * time.Minute

var errInUse = errors.New("the store's copy is damaged, and other builds have used it for ten minutes")

// removeDamaged removes a package that is not whole, as soon as nobody uses it.
func (s *Store) removeDamaged(ctx context.Context, d digest.Digest) error {
	ctx, cancel := context.WithTimeoutCause(ctx, replaceWait, errUnreachable(errInUse))
	defer cancel()
	unlock, err := s.lock(ctx, d.Hex())
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.open(ctx, d); !errors.Is(err, errAbsent) {
		return err
	}
	return disk.Discard(s.place(d))
}

// answer is a package as Take returns it.
func (s *Store) answer(r Ref, a *about, from string) Package {
	p := Package{Ref: r.Text, Source: from, Digest: a.Digest}
	for _, m := range a.Members {
		b := Buildpack{
			Dir: filepath.Join(s.place(a.Digest), treeName, filepath.FromSlash(m.Dir)), Kind: m.Kind, ID: m.ID,
			Version: m.Version,
		}
		if m.Kind == Classic {
			b.ID, b.Version = r.name(), a.Digest.Short()
		}
		p.Buildpacks = append(p.Buildpacks, b)
	}
	return p
}
