package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gofrs/flock"

	"slugc/cache/digest"
)

var (
	programs sync.Mutex
	built    = map[string]string{} // path of the binary, by path of the package

	// Read before a test changes HOME.
	userCache, errUserCache = os.UserCacheDir()
)

// Program builds a main package of this module, such as "./testdata/child", without cgo, and returns
// the path of the binary. It builds a package once a test process. The binary stays in the user's cache
// directory, so that the go command links it again only after its source has changed.
func Program(t testing.TB, pkg string) string {
	t.Helper()
	source, err := filepath.Abs(pkg)
	if err != nil {
		t.Fatal(err)
	}
	programs.Lock()
	defer programs.Unlock()
	if file := built[source]; file != "" {
		return file
	}
	if errUserCache != nil {
		t.Fatal(errUserCache)
	}
	dir := filepath.Join(userCache, "slugc-testkit", digest.Of([]byte(source)).Short())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(filepath.Join(dir, "lock")) // against the test process of another package
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	file := filepath.Join(dir, filepath.Base(source))
	build := exec.Command("go", "build", "-trimpath", "-o", file, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, strings.TrimSpace(string(out)))
	}
	built[source] = file
	return file
}
