package buildpacktest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"
)

// CacheDir returns a directory that outlives the tests, and makes it.
func CacheDir(t testing.TB, elem ...string) string {
	t.Helper()
	base, err := CacheRoot()
	Must(t, err)
	dir := filepath.Join(append([]string{base}, elem...)...)
	Must(t, os.MkdirAll(dir, 0o755))
	return dir
}

// CacheRoot returns the directory of everything that outlives the tests. It may not exist.
func CacheRoot() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "slugc-test"), err
}

// Once returns a directory that outlives the tests, called name ("gems/4"). The first process that
// needs it calls fill, which makes it as work/out in an empty directory work; others wait. Change
// the name when fill makes something else.
func Once(name string, fill func(work string) error) (string, error) {
	base, err := CacheRoot()
	if err != nil {
		return "", err
	}
	final := filepath.Join(base, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return "", err
	}
	lock := flock.New(final + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Unlock()
	if exists(final) {
		return final, nil
	}
	work, err := os.MkdirTemp(filepath.Dir(final), ".new-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := fill(work); err != nil {
		return "", fmt.Errorf("making %s of the tests: %w", name, err)
	}
	return final, os.Rename(filepath.Join(work, "out"), final)
}
