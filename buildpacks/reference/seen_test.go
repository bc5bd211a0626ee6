package reference_test

import (
	"errors"
	"path/filepath"
	"testing"

	"slugc/buildpacks/reference"
)

// TestUnchangedDirectory does not copy a directory again whose files have not changed, and sees each change.
func TestUnchangedDirectory(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dir := write(t, filepath.Join(t.TempDir(), "python"), cnb)
	first := open(t, home, reference.Options{})
	was := take(t, first, dir)
	first.Close()
	// Where nothing can be staged, nothing can be copied.
	s := open(t, home, reference.Options{})
	sh(t, home, "rmdir .staging; touch .staging")
	if p := take(t, s, dir); p.Digest != was.Digest || p.Source != dir || len(p.Buildpacks) != 1 {
		t.Errorf("got %+v", p)
	}
	sh(t, home, "rm .staging; mkdir .staging")
	for _, change := range []string{
		"echo y > lib/deep/er", "echo x > lib/new", "rm lib/new", "ln -s er lib/deep/link", "chmod 644 bin/build",
	} {
		sh(t, dir, change)
		p, err := try(t.Context(), s, dir, "/")
		if e, ok := errors.AsType[*reference.Error](err); ok && e.ID == "buildpack/not-executable" {
			continue
		}
		if err != nil || p.Digest == was.Digest {
			t.Errorf("after %s: %+v, %v", change, p, err)
		}
		was = p
	}
}

// TestUnchangedArchive does not unpack an archive again that has not changed.
func TestUnchangedArchive(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	file := pack(t, filepath.Join(t.TempDir(), "bp.tgz"), "", cnb)
	s := open(t, home, reference.Options{})
	was := take(t, s, file)
	sh(t, home, "rmdir .staging; touch .staging") // nothing can be unpacked
	if p := take(t, s, file); p.Digest != was.Digest || p.Source != file {
		t.Errorf("got %+v", p)
	}
	sh(t, home, "rm .staging; mkdir .staging")
	pack(t, file, "", classic)
	if p := take(t, s, file); p.Digest == was.Digest || p.Buildpacks[0].Kind != reference.Classic {
		t.Errorf("got %+v", p)
	}
}
