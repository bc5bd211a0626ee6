// Package rubytest provides tests with a Ruby and a gem source, without a registry of gems: a
// relocatable Ruby made of Debian's packages, and real gems, rebuilt from Debian's packages and
// served on loopback in the compact index protocol:
//
//	gems := rubytest.Serve(t)
//	t.Setenv("SLUGC_GEM_MIRROR", gems.URL)
//
// Both are made once and kept in the user's cache directory. Only tests import the package. Making
// them needs apt-get and its network.
package rubytest

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slugc/buildpacks/buildpacktest"
	"slugc/buildpacks/toolchain"
	"slugc/cache/testkit"
	"slugc/detect/gemlock"
)

// packages are Debian's packages of the gems that are served: those of Sinatra, and all that a new Rails app
// names. puma is made from its source: it is the gem with an extension to compile.
var packages = []string{"rake", "ruby-bundler", "ruby-mustermann", "ruby-nio4r", "ruby-rack",
	"ruby-rack-protection", "ruby-ruby2-keywords", "ruby-sinatra", "ruby-tilt", "ruby-webrick",

	"ruby-actioncable", "ruby-actionmailbox", "ruby-actionmailer", "ruby-actionpack", "ruby-actiontext",
	"ruby-actionview", "ruby-activejob", "ruby-activemodel", "ruby-activerecord", "ruby-activestorage",
	"ruby-activesupport", "ruby-bindex", "ruby-bootsnap", "ruby-builder", "ruby-byebug", "ruby-concurrent",
	"ruby-crass", "ruby-erubi", "ruby-ffi", "ruby-globalid", "ruby-i18n", "ruby-jbuilder", "ruby-listen",
	"ruby-loofah", "ruby-mail", "ruby-marcel", "ruby-method-source", "ruby-mini-mime", "ruby-mini-portile2",
	"ruby-minitest", "ruby-msgpack", "ruby-nokogiri", "racc", "ruby-rack-test", "ruby-rails",
	"ruby-rails-dom-testing", "ruby-rails-html-sanitizer", "ruby-railties", "ruby-rb-inotify", "ruby-spring",
	"ruby-sprockets", "ruby-sprockets-rails", "ruby-sqlite3", "ruby-thor", "ruby-tzinfo", "ruby-web-console",
	"ruby-websocket-driver", "ruby-websocket-extensions", "ruby-zeitwerk"}

const pumaSource = "puma=5.6.5-3+deb12u1"

// schema is the version of the gems' directory: change it when makeGems makes something else.
const schema = "5"

//go:embed gems.rb
var gemsScript string

// synthetic has gems that exist for tests only: some whose extensions do not compile, and empty
// ones that make an app look like one of Rails, for example.
//
//go:embed synthetic
var synthetic embed.FS

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
	dir, err := buildpacktest.CacheRoot()
	if err != nil {
		return toolchain.Toolchain{}, err
	}
	store, err := toolchain.Open(filepath.Join(dir, "home-toolchains"), Settings())
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

// Env returns the environment that a Ruby of [Ruby] needs.
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
	*buildpacktest.FileServer
	Dir string // what it serves: gems/*.gem and the index
}

// Gem returns the path of a gem file whose name starts with prefix, such as "rack-2".
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
	buildpacktest.Must(t, err)
	git := t.TempDir()
	gitGem(t, git)
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(dir)))
	mux.Handle("/git/", http.StripPrefix("/git/", http.FileServer(http.Dir(git))))
	return &Server{buildpacktest.ServeFiles(t, "gems", mux), dir}
}

// BuildEnv returns the build configuration that makes git use the server for
// https://git.example.com/.
func (s *Server) BuildEnv() map[string]string {
	return map[string]string{
		"GIT_CONFIG_COUNT":   "1",
		"GIT_CONFIG_KEY_0":   "url." + s.URL + "/git/.insteadOf",
		"GIT_CONFIG_VALUE_0": "https://git.example.com/",
	}
}

// Vendor copies the gems of an app's lock file into its vendor/cache, as `bundle cache` does.
func (s *Server) Vendor(t testing.TB, app string) {
	t.Helper()
	lock, err := gemlock.Parse([]byte(testkit.Read(t, filepath.Join(app, "Gemfile.lock"))))
	buildpacktest.Must(t, err)
	for _, source := range lock.Sources {
		for _, spec := range source.Specs {
			gem := s.Gem(t, spec.Name+"-"+spec.Version)
			testkit.Write(t, filepath.Join(app, "vendor", "cache", filepath.Base(gem)), testkit.Read(t, gem))
		}
	}
}

// Gems returns the directory of the gems and their index, and makes it if it does not exist.
func Gems() (string, error) { return buildpacktest.Once("gems/"+schema, makeGems) }

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
	trees = append(trees, ruby.Dir) // the gems that are bundled with Ruby
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
