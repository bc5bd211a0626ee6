package reference

import (
	"context"
	"encoding/json"
	"path/filepath"

	"golang.org/x/sys/unix"

	"slugc/buildpacks/toolchain/manifest"
	"slugc/cache/digest"
	"slugc/cache/disk"
)

// seen is what a directory or an archive of this machine was when it was taken. It only saves time: what has the same
// stats is not copied or unpacked again. [Open] removes what is a day old.
type seen struct {
	Tree digest.Digest `json:"tree,omitempty"` // of the manifest of a directory
	File fileState     `json:"file,omitzero"`  // of an archive
	Is   digest.Digest `json:"is"`             // the package

	manifest *manifest.Manifest // of a directory
}

// fileState tells a file from any other and from what it was before: a program can set the modification time, but not
// the change time (inode(7)).
type fileState struct {
	Dev, Ino           uint64
	Size, Mtime, Ctime int64
}

func stateOf(path string) (f fileState, err error) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return f, err
	}
	return fileState{uint64(s.Dev), s.Ino, s.Size, s.Mtim.Nano(), s.Ctim.Nano()}, nil
}

func (s *Store) seenFile(r Ref) string { return filepath.Join(s.dir, seenDir, r.key()) }

// unchanged returns the package of a directory or an archive that is as it was when it was taken, and holds it; else
// nil.
func (s *Store) unchanged(ctx context.Context, r Ref) *about {
	var was seen
	text, err := disk.ReadRegular(s.seenFile(r)+".json", 1<<12)
	if err != nil || json.Unmarshal(text, &was) != nil {
		return nil
	}
	if r.Kind == Directory {
		m, err := manifest.Read(s.seenFile(r))
		if err != nil || m.Digest() != was.Tree || m.Check(ctx, r.Path, manifest.ByStat) != nil {
			return nil
		}
	} else if now, err := stateOf(r.Path); err != nil || now != was.File {
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

// look notes the stats of what is about to be taken; nil if that would not save time.
func (r Ref) look(ctx context.Context) *seen {
	if r.Kind != Directory {
		state, err := stateOf(r.Path)
		if err != nil {
			return nil
		}
		return &seen{File: state}
	}
	if exists(filepath.Join(r.Path, ".git")) || exists(filepath.Join(r.Path, "package.toml")) {
		return nil
	}
	m, err := manifest.Stat(ctx, r.Path)
	if err != nil {
		return nil // taking it names what is wrong
	}
	return &seen{manifest: m}
}

// remember notes which package was taken, if that has not changed since look. Where it cannot be written, the same is
// taken again.
func (s *Store) remember(ctx context.Context, r Ref, was *seen, is digest.Digest) {
	if was == nil {
		return
	}
	was.Is = is
	if was.manifest == nil {
		if now, err := stateOf(r.Path); err != nil || now != was.File {
			return
		}
	} else {
		if was.manifest.Sum(ctx, r.Path) != nil || was.manifest.Write(s.seenFile(r)) != nil {
			return
		}
		was.Tree = was.manifest.Digest()
	}
	if text, err := json.Marshal(was); err == nil {
		_ = disk.WriteFile(s.seenFile(r)+".json", text, 0o644)
	}
}
