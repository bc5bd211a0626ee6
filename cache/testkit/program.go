package testkit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"slugc/cache/digest"
)

// Program builds a main package of this module, such as "./testdata/child", and returns the path of the
// binary in the user's cache directory. Other users cannot run it there. See [BuildProgram].
func Program(t testing.TB, pkg string) string {
	t.Helper()
	file, err := BuildProgram(pkg)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

var (
	programs sync.Mutex
	built    = map[string]string{} // path of the binary, by package
)

// BuildProgram builds a main package of this module without cgo and returns the path of the binary
// in the user's cache directory. Only the first of the processes that want the same program links
// it. A later build of other code leaves the binary alone.
func BuildProgram(pkg string) (string, error) {
	programs.Lock()
	defer programs.Unlock()
	if file := built[pkg]; file != "" {
		return file, nil
	}
	file, err := link(pkg)
	if err != nil {
		return "", fmt.Errorf("building %s: %w", pkg, err)
	}
	built[pkg] = file
	return file, nil
}

func link(pkg string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	module, err := moduleRoot(here)
	if err != nil {
		return "", err
	}
	if pkg[0] == '.' {
		if pkg, err = filepath.Rel(module, filepath.Join(here, pkg)); err != nil {
			return "", err
		}
		pkg = "./" + pkg
	}
	dir := filepath.Join(cache, "slugc-test", "programs", digest.Of([]byte(module+"\n"+pkg)).Short())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock := flock.New(dir + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Unlock()
	output := filepath.Join(dir, "latest")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", output, pkg)
	// Linked on the same file system, the output is a new file under the old name: what was linked
	// before stays as it is.
	build.Dir, build.Env = module, append(os.Environ(), "CGO_ENABLED=0", "GOTMPDIR="+dir)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return keep(output, filepath.Base(pkg))
}

// keep links a binary into a directory named for its content, where no later build replaces it, and
// removes binaries that no test process has asked for within the last hour.
func keep(output, name string) (string, error) {
	sum, _, err := digest.File(output)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(filepath.Dir(output), sum.Hex())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	now := time.Now()
	if err := os.Chtimes(dir, now, now); err != nil {
		return "", err
	}
	file := filepath.Join(dir, name)
	if err := os.Link(output, file); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	old, err := filepath.Glob(filepath.Join(filepath.Dir(output), "*", name))
	if err != nil {
		return "", err
	}
	for _, other := range old {
		info, err := os.Stat(filepath.Dir(other))
		if err == nil && now.Sub(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(filepath.Dir(other))
		}
	}
	return file, nil
}

// moduleRoot is the directory of the go.mod above dir.
func moduleRoot(dir string) (string, error) {
	for ; !Exists(dir, "go.mod"); dir = filepath.Dir(dir) {
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory")
		}
	}
	return dir, nil
}
