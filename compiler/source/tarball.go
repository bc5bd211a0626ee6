package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"slugc/buildpacks/tree"
	"slugc/cache/unpack"
	"slugc/compiler/fault"
)

// tarball is a source unpacked below Temp.
type tarball struct {
	directory
	temp  string // the directory to remove
	app   string // where the tree is
	whole bool   // app holds exactly the entries, so that it can be moved instead of copied
}

func (t *tarball) close() error { return errors.Join(t.directory.close(), os.RemoveAll(t.temp)) }

func (s *Source) openTarball(ctx context.Context, spec Spec, sub string) error {
	if spec.Reader == nil || spec.Temp == "" {
		return errors.New("opening source: a tarball needs a reader and a directory to unpack in")
	}
	temp, err := os.MkdirTemp(spec.Temp, ".tarball-*")
	if err != nil {
		return fmt.Errorf("opening source: %w", err)
	}
	if err := s.unpack(ctx, spec, temp, sub); err != nil {
		os.RemoveAll(temp)
		return err
	}
	return nil
}

func (s *Source) unpack(ctx context.Context, spec Spec, temp, sub string) error {
	_, err := unpack.Archive(ctx, spec.Reader, temp, unpack.Options{Limits: s.o.Limits})
	if errors.Is(err, unpack.ErrFormat) || errors.Is(err, unpack.ErrDamaged) {
		return errUnreadable("", err, "send a complete tar, tar.gz, tar.zst, tar.xz, tar.bz2 or zip archive")
	}
	if err != nil {
		return asFault(err)
	}
	app, err := single(temp)
	if err != nil {
		return fmt.Errorf("opening source: %w", err)
	}
	d, err := openApp(app, sub)
	if err != nil {
		return err
	}
	if err := s.widen(spec, d); err != nil {
		_ = d.close()
		return err
	}
	if s.taken != nil {
		sub = s.taken.Root
	}
	t := &tarball{directory: *d, temp: temp, app: filepath.Join(app, filepath.FromSlash(sub))}
	w, err := s.scan(ctx, &t.directory, nil, nil)
	if err != nil {
		_ = d.close()
		return err
	}
	// With hard links a build could change two files at once, unlike with any other kind of source.
	t.whole = !w.skipped && !w.linked && w.dirs == parents(s.entries)
	s.origin = t
	return nil
}

// single returns the directory in dir if dir holds nothing else, and dir otherwise: archives of
// forges have one top-level directory with the project's name.
func single(dir string) (string, error) {
	names, err := os.ReadDir(dir)
	if err == nil && len(names) == 1 && names[0].IsDir() && names[0].Name() != ".git" {
		dir = filepath.Join(dir, names[0].Name())
	}
	return dir, err
}

// parents counts the directories that the entries need, the root included.
func parents(entries []entry) int {
	seen := map[string]bool{".": true}
	for _, e := range entries {
		for dir := path.Dir(e.path); !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
		}
	}
	return len(seen)
}

// Keep copies what Stage has moved to dir, so that the tree can be staged once more. dir must be as Stage left
// it. Other kinds of sources can be staged any number of times, and Keep does nothing.
func (s *Source) Keep(dir string) error {
	t, ok := s.origin.(*tarball)
	if !ok || t.app != "" {
		return nil
	}
	kept := filepath.Join(t.temp, "kept") // temp itself may have been moved
	err := os.MkdirAll(kept, 0o700)
	if err == nil {
		err = tree.Copy(dir, kept, tree.Options{})
	}
	if err != nil {
		return fmt.Errorf("keeping the source: %w", err)
	}
	t.app = kept
	return nil
}

// take moves the tree to dest if it need not be copied. A moved tree cannot be staged again.
func (t *tarball) take(dest string) (bool, error) {
	if t.app == "" {
		return false, fault.New(fault.Slugc, 0, "source/staged",
			errors.New("staging source: the tarball has been staged already"))
	}
	if !t.whole {
		return false, nil
	}
	real, err := filepath.EvalSymlinks(t.app)
	if err != nil {
		return false, err
	}
	if err := os.Chmod(real, 0o755); err != nil {
		return false, err
	}
	// On another file system it is copied.
	if err := os.Rename(real, dest); err != nil {
		return false, nil
	}
	t.app = ""
	return true, nil
}
