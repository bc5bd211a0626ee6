package reference

import (
	"context"
	"encoding/json"
	"path/filepath"

	"slugc/buildpacks/toolchain/manifest"
	"slugc/cache/digest"
	"slugc/cache/disk"
)

// seen is what a directory of this machine was when it was taken. It only saves time: a directory whose files have
// the same stats is not copied again. [Open] removes what is a day old.
type seen struct {
	Tree digest.Digest `json:"tree"` // of the manifest of the directory
	Is   digest.Digest `json:"is"`   // the package
}

func (s *Store) seenFile(r Ref) string { return filepath.Join(s.dir, seenDir, r.key()) }

// unchanged returns the package of a directory that is as it was when it was taken, and holds it; else nil.
func (s *Store) unchanged(ctx context.Context, r Ref) *about {
	if r.Kind != Directory {
		return nil
	}
	var was seen
	text, err := disk.ReadRegular(s.seenFile(r)+".json", 1<<12)
	if err != nil || json.Unmarshal(text, &was) != nil {
		return nil
	}
	m, err := manifest.Read(s.seenFile(r))
	if err != nil || m.Digest() != was.Tree || m.Check(ctx, r.Path, manifest.ByStat) != nil {
		return nil
	}
	if s.hold(ctx, was.Is) != nil {
		return nil
	}
	a, err := s.open(ctx, was.Is)
	if err != nil {
		s.drop(was.Is)
		return nil
	}
	return a
}

// look notes the stats of a directory that is about to be taken; nil if that would not save time.
func (r Ref) look(ctx context.Context) *manifest.Manifest {
	if r.Kind != Directory || exists(filepath.Join(r.Path, ".git")) || exists(filepath.Join(r.Path, "package.toml")) {
		return nil
	}
	m, err := manifest.Stat(ctx, r.Path)
	if err != nil {
		return nil // taking it names what is wrong
	}
	return m
}

// remember notes which package a directory is, if it has not changed since look. Where that cannot be written, the
// directory is copied again.
func (s *Store) remember(ctx context.Context, r Ref, m *manifest.Manifest, is digest.Digest) {
	if m == nil || m.Sum(ctx, r.Path) != nil {
		return
	}
	text, err := json.Marshal(seen{m.Digest(), is})
	if err == nil && m.Write(s.seenFile(r)) == nil {
		_ = disk.WriteFile(s.seenFile(r)+".json", text, 0o644)
	}
}
