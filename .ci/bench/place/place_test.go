package place

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMake(t *testing.T) {
	p, err := Make(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(p.Dir, "module", "sub")
	if err := errors.Join(os.MkdirAll(locked, 0o755), os.Chmod(filepath.Dir(locked), 0o555)); err != nil {
		t.Fatal(err)
	}
	if err := p.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(p.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
	if p.Kind == "" {
		t.Error("its file system has no name")
	}
	if _, err := Make("/nonexistent"); err == nil {
		t.Error("a missing directory is made use of")
	}
}

func TestMissing(t *testing.T) {
	none := func(string) (string, error) { return "", errors.New("no") }
	all := func(name string) (string, error) { return name, nil }
	if got := missing(0, all); got != "" {
		t.Errorf("%q is missing", got)
	}
	got := missing(1000, none)
	for _, words := range []string{"root", "mkfs.xfs (apt-get install xfsprogs)"} {
		if !strings.Contains(got, words) {
			t.Errorf("%q does not name %s", got, words)
		}
	}
}
