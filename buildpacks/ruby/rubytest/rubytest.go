// Package rubytest gives tests a Ruby and a gem source that need no registry of gems: a relocatable
// Ruby out of Debian's packages, and real gems, rebuilt from Debian's packages, served on loopback
// in the compact index protocol. Both are made once and kept in the user's cache directory.
package rubytest

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"slugc/cache/testkit"

	"github.com/gofrs/flock"

	"slugc/buildpacks/toolchain"
	"slugc/detect/gemlock"
)

// packages are Debian's packages of the gems that are served. puma is made of its source: it is the
// gem with an extension to compile.
var packages = []string{"rake", "ruby-bundler", "ruby-mustermann", "ruby-nio4r", "ruby-rack",
	"ruby-rack-protection", "ruby-ruby2-keywords", "ruby-sinatra", "ruby-tilt", "ruby-webrick"}

const pumaSource = "puma=5.6.5-3+deb12u1"

// schema is changed with what is made, so that a cache of another kind is not used.
const schema = "4"

//go:embed gems.rb
var gemsScript string

// synthetic are gems of ours: some whose extensions do not compile, and stand-ins that make an app
// look like what it is not.
//
//go:embed synthetic
var synthetic embed.FS

// cacheDir is where downloads lie between test runs.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "slugc-test")
	return dir, os.MkdirAll(dir, 0o755)
}

// Settings are the toolchain settings that tests use: Debian's packages alone.
func Settings() toolchain.Settings {
	return toolchain.Settings{Debian: toolchain.Debian{Bin: "/usr/bin"}}
}

// Ruby returns a Ruby that satisfies a requirement, "" for the newest, from the store that tests
// share.
func Ruby(t testing.TB, constraint string) toolchain.Toolchain {
	t.Helper()
	testkit.NeedsTools(t, "language toolchains")
	ruby, err := ruby(constraint)
	if err != nil {
		t.Fatal(err)
	}
	return ruby
}

func ruby(constraint string) (toolchain.Toolchain, error) {
	store, err := openStore()
	if err != nil {
		return toolchain.Toolchain{}, err
	}
	got, err := store.Ensure(context.Background(),
		[]toolchain.Request{{Tool: "ruby", Constraint: constraint, From: "a test"}}, nil)
	if err != nil {
		return toolchain.Toolchain{}, err
	}
	return got[0], nil
}

func openStore() (*toolchain.Store, error) {
	dir, err := cacheDir()
	if err != nil {
		return nil, err
	}
	return toolchain.Open(filepath.Join(dir, "home-toolchains"), Settings())
}

// Env is the environment in which a Ruby of [Ruby] runs.
func Env(ruby toolchain.Toolchain) []string {
	lib := filepath.Join(ruby.Dir, "lib")
	triples, _ := filepath.Glob(filepath.Join(lib, "*-linux-gnu*"))
	standard, _ := filepath.Glob(filepath.Join(lib, "ruby", "[0-9]*"))
	native, _ := filepath.Glob(filepath.Join(lib, "*-linux-gnu*", "ruby", "[0-9]*"))
	return []string{"PATH=" + filepath.Join(ruby.Dir, "bin") + ":/usr/bin:/bin", "LC_ALL=C.UTF-8",
		"HOME=/nonexistent", "LD_LIBRARY_PATH=" + strings.Join(triples, ":"),
		"RUBYLIB=" + strings.Join(slices.Concat(standard, native), ":")}
}

// Server is a gem source on loopback.
type Server struct {
	URL  string // "http://127.0.0.1:…"
	Dir  string // what it serves: gems/*.gem and the index
	mu   sync.Mutex
	seen []string
	auth [2]string
}

// Protect makes the server ask for a user and a password.
func (s *Server) Protect(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth = [2]string{user, password}
}

func (s *Server) admits(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.URL.Path)
	user, password, _ := r.BasicAuth()
	return s.auth == [2]string{user, password}
}

// Requests are the paths that were asked for since the last call.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// Gem is the path of a gem file whose name begins with prefix, such as "rack-2".
func (s *Server) Gem(t testing.TB, prefix string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.Dir, "gems", prefix+"*.gem"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no gem %s is served: %v", prefix, err)
	}
	return found[0]
}

// Serve serves the gems until the test ends, and below /git/ the repository of a git gem.
func Serve(t testing.TB) *Server {
	t.Helper()
	testkit.NeedsTools(t, "language toolchains")
	dir, err := Gems()
	if err != nil {
		t.Fatal(err)
	}
	git := t.TempDir()
	gitGem(t, git)
	s := &Server{Dir: dir}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(dir)))
	mux.Handle("/git/", http.StripPrefix("/git/", http.FileServer(http.Dir(git))))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.admits(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="gems"`)
			http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// BuildEnv is the build configuration that leads git from https://git.example.com/ to the server.
func (s *Server) BuildEnv() map[string]string {
	return map[string]string{
		"GIT_CONFIG_COUNT":   "1",
		"GIT_CONFIG_KEY_0":   "url." + s.URL + "/git/.insteadOf",
		"GIT_CONFIG_VALUE_0": "https://git.example.com/",
	}
}

// Vendor puts the gem files that the lock file of an app names into its vendor/cache, as `bundle
// cache` does.
func (s *Server) Vendor(t testing.TB, app string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(app, "Gemfile.lock"))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := gemlock.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(app, "vendor", "cache")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, source := range lock.Sources {
		for _, spec := range source.Specs {
			gem, err := os.ReadFile(s.Gem(t, spec.Name+"-"+spec.Version))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(s.Gem(t, spec.Name+"-"+spec.Version))), gem,
				0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Gems returns the directory of the gems and their index, made where it is missing. Processes that
// need it at once wait for one another.
func Gems() (string, error) {
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	final := filepath.Join(dir, "gems", schema)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return "", err
	}
	lock := flock.New(final + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Unlock()
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	work, err := os.MkdirTemp(filepath.Dir(final), ".new-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := makeGems(work); err != nil {
		return "", fmt.Errorf("making the gems of the tests: %w", err)
	}
	return final, os.Rename(filepath.Join(work, "out"), final)
}

func makeGems(work string) error {
	ruby, err := ruby("")
	if err != nil {
		return err
	}
	trees, err := fetch(work)
	if err != nil {
		return err
	}
	if err := os.CopyFS(work, synthetic); err != nil {
		return err
	}
	own, err := filepath.Glob(filepath.Join(work, "synthetic", "*"))
	if err != nil {
		return err
	}
	trees = append(trees, own...)
	script := filepath.Join(work, "gems.rb")
	if err := os.WriteFile(script, []byte(gemsScript), 0o644); err != nil {
		return err
	}
	cmd := exec.Command(
		filepath.Join(ruby.Dir, "bin", "ruby"),
		slices.Concat([]string{script, filepath.Join(work, "out")}, trees)...)
	cmd.Env, cmd.Dir = Env(ruby), work
	return run(cmd)
}

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}
