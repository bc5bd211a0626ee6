package reference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slugc/buildpacks/git"
	"slugc/buildpacks/toolchain/source"
	"slugc/cache/digest"
	"slugc/cache/disk"
)

// pin is what a reference led to when it was fetched. It holds no credentials.
type pin struct {
	Ref    string            `json:"ref"`
	Source string            `json:"source"`
	Digest digest.Digest     `json:"digest"`
	At     time.Time         `json:"at"`
	Seen   source.Validators `json:"seen,omitzero"` // of an archive
}

// checkTime is how long it may take to see where a reference leads now.
const checkTime = 3 * time.Second

func (s *Store) pinFile(key string) string { return filepath.Join(s.dir, pinDir, key+".json") }

// readPin returns the pin of a reference, nil if there is none.
func (s *Store) readPin(key string) (*pin, error) {
	text, err := disk.ReadRegular(s.pinFile(key), 1<<16)
	p := &pin{}
	if err == nil && json.Unmarshal(text, p) == nil {
		if _, err := digest.Parse(p.Digest.String()); err == nil {
			return p, nil
		}
	}
	if err != nil && !disk.Damaged(err) {
		return nil, fmt.Errorf("reading the store of buildpacks: %w", err)
	}
	return nil, nil
}

func (s *Store) writePin(key string, p *pin) error {
	text, err := json.MarshalIndent(p, "", "\t")
	if err == nil {
		err = disk.WriteFile(s.pinFile(key), append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("keeping what the reference leads to: %w", err)
	}
	return nil
}

// takePinned returns what the store holds for a reference, or fetches it.
func (s *Store) takePinned(ctx context.Context, r Ref, fresh bool) (Package, error) {
	if !fresh {
		p, a, err := s.pinned(ctx, r)
		if err != nil {
			return Package{}, err
		}
		if a != nil {
			got := s.answer(r, a, p.Source)
			got.Moved = s.moved(ctx, r, p)
			return got, nil
		}
	}
	var got Package
	var again *pin // of what the store has lost
	err := s.stage(ctx, r.key(), func(dir string) error {
		p, a, err := s.pinned(ctx, r)
		if err == nil && (a == nil || fresh) {
			if fresh {
				p = nil
			}
			again = p
			p, a, err = s.fetchPinned(ctx, r, p, dir)
		}
		if err == nil {
			got = s.answer(r, a, p.Source)
		}
		return err
	})
	if err == nil && again != nil && again.Source == got.Source && again.Digest == got.Digest {
		got.Moved = s.moved(ctx, r, again)
	}
	return got, err
}

// pinned returns the pin of a reference and the package that it leads to, which it holds. Either is nil if it is
// not there.
func (s *Store) pinned(ctx context.Context, r Ref) (*pin, *about, error) {
	p, err := s.readPin(r.key())
	if p == nil || err != nil {
		return nil, nil, err
	}
	if err := s.hold(ctx, p.Digest); err != nil {
		return nil, nil, err
	}
	a, err := s.open(ctx, p.Digest)
	if errors.Is(err, errAbsent) {
		s.drop(p.Digest)
		return p, nil, nil
	}
	return p, a, err
}

// fetchPinned fetches what a reference names, and pins it. was is its pin if the store has lost what that led to: the
// same is fetched again, or of an address without a digest what it has now.
func (s *Store) fetchPinned(ctx context.Context, r Ref, was *pin, staging string) (*pin, *about, error) {
	if s.o.Offline {
		return nil, nil, errOffline()
	}
	key, same := r.key(), digest.Digest("")
	mayDiffer := r.Kind == Archive && r.SHA256 == ""
	if was != nil && !mayDiffer {
		r, same = r.exact(was.Source), was.Digest
	}
	f, err := s.fetch(ctx, r, staging)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.commit(ctx, r, f, same)
	if err != nil {
		return nil, nil, err
	}
	if was != nil && was.Digest != a.Digest {
		s.o.Note(fmt.Sprintf("%s is another file than that of %s, which is no longer kept",
			r.Text, was.At.Format(time.DateOnly)))
	}
	p := &pin{Ref: r.Text, Source: f.source, Digest: a.Digest, At: time.Now().UTC().Round(time.Second), Seen: f.seen}
	return p, a, s.writePin(key, p)
}

// errOffline is the error for what would have to be fetched.
func errOffline() error {
	return failed(Writer, "buildpack/offline", errors.New("the store does not hold it, and nothing is fetched now"),
		"`slugc buildpacks add REF` takes it where there is a network")
}

// exact is the reference to what a source states: a commit, or an image by digest.
func (r Ref) exact(source string) Ref {
	switch r.Kind {
	case Git:
		r.Rev, _, _ = strings.Cut(source[strings.LastIndexByte(source, '#')+1:], ":")
	case Image, Registry:
		r.Kind, r.Addr = Image, source
	}
	return r
}

// moved returns where a reference leads now, "" if that is where it led, or cannot be told.
func (s *Store) moved(ctx context.Context, r Ref, p *pin) string {
	if !s.o.Check || s.o.Offline {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var now string
	switch {
	case r.Kind == Archive && r.SHA256 == "":
		if changed, err := s.web.Changed(ctx, s.address(r), p.Seen); err == nil && changed {
			now = p.Source + " (another file than that of " + p.At.Format(time.DateOnly) + ")"
		}
	case r.Kind == Git && !git.IsID(r.Rev):
		if repo, err := s.remote(r); err == nil {
			if id, err := repo.resolve(ctx, filepath.Join(s.dir, stagingDir), r.Rev); err == nil && id != "" {
				now = repo.at(id, r.Sub)
			}
		}
	case r.Kind == Registry:
		if addr, err := s.lookUp(ctx, r); err == nil {
			now = addr
		}
	case r.Kind == Image && !strings.Contains(r.Addr, "@"):
		now, _ = s.imageNow(ctx, r.Addr) // where it cannot be asked, nothing is said
	}
	if now == p.Source {
		return ""
	}
	return now
}

// Forget removes the pin of a reference, and reports whether there was one: the next build takes what it leads to then.
func (s *Store) Forget(r Ref) (was bool, err error) {
	err = os.Remove(s.pinFile(r.key()))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// forget removes the pins that lead to a package.
func (s *Store) forget(d digest.Digest) error {
	pins, err := s.pins()
	for key, p := range pins {
		if p.Digest == d {
			err = errors.Join(err, os.Remove(s.pinFile(key)))
		}
	}
	return err
}

// pins returns all pins by the keys of their references.
func (s *Store) pins() (map[string]*pin, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, pinDir))
	if err != nil {
		return nil, fmt.Errorf("reading the store of buildpacks: %w", err)
	}
	all := map[string]*pin{}
	for _, e := range entries {
		key, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		p, err := s.readPin(key)
		if err != nil {
			return nil, err
		}
		if p != nil {
			all[key] = p
		}
	}
	return all, nil
}
