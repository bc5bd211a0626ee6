// Package clojuretest gives tests a Maven repository that needs no registry of Java's: real
// libraries out of Debian's packages, which carry them in Maven's layout, served on loopback. It is
// made once and kept in the user's cache directory.
package clojuretest

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"slugc/cache/testkit"

	"github.com/gofrs/flock"
)

// packages are Debian's packages of the libraries that are served. Their transitive versions are
// Debian's own ("debian", "9.x"), so a test app must name the versions that are here.
var packages = strings.Fields(`
	libapache-pom-java libcheshire-clojure libclj-http-clojure libclj-time-clojure libclj-tuple-clojure libclojure-java libclout-clojure
	libcommons-codec-java libcommons-fileupload-java libcommons-io-java libcommons-logging-java libcommons-parent-java libcompojure-clojure
	libcore-specs-alpha-clojure libcrypto-equality-clojure libcrypto-random-clojure libel-api-java libhttpclient-java libhttpcore-java libhttpmime-java
	libinstaparse-clojure libjackson2-core-java libjetty9-java libjoda-time-java libjsp-api-java libjsr166y-java libmedley-clojure
	libnrepl-clojure libnrepl-incomplete-clojure libpotemkin-clojure libriddley-clojure libring-codec-clojure libring-core-clojure
	libring-jetty-adapter-clojure libring-json-clojure libring-servlet-clojure libservlet-api-java libslingshot-clojure libspec-alpha-clojure
	libtigris-clojure libtools-macro-clojure libwebsocket-api-java`)

// schema is changed with what is made, so that a cache of another kind is not used.
const schema = "3"

// Server is a Maven repository on loopback.
type Server struct {
	URL  string // "http://127.0.0.1:…"
	Dir  string // what it serves
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

// admits notes a request and reports whether it comes with the right password.
func (s *Server) admits(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.URL.Path)
	user, password, _ := r.BasicAuth()
	return s.auth == [2]string{} || s.auth == [2]string{user, password}
}

// Requests are the paths that were asked for since the last call.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// Serve serves the repository until the test ends.
func Serve(t testing.TB) *Server {
	t.Helper()
	testkit.NeedsTools(t, "language toolchains")
	dir, err := Repository()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Dir: dir}
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.admits(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="maven"`)
			http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Repository returns the directory of the repository, made where it is missing. Processes that need
// it at once wait for one another.
func Repository() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	final := filepath.Join(base, "slugc-test", "maven", schema)
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
	if err := makeRepository(work); err != nil {
		return "", fmt.Errorf("making the Maven repository of the tests: %w", err)
	}
	return final, os.Rename(filepath.Join(work, "out"), final)
}

func makeRepository(work string) error {
	debs, root := filepath.Join(work, "debs"), filepath.Join(work, "root")
	for _, dir := range []string{debs, root} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := run(debs, "apt-get", append([]string{"-q", "download"}, packages...)...); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := run(work, "dpkg-deb", "-x", file, root); err != nil {
			return err
		}
	}
	out := filepath.Join(work, "out")
	if err := publish(filepath.Join(root, "usr", "share", "maven-repo"), out); err != nil {
		return err
	}
	return addClojure(out)
}

// addClojure describes the version "debian" of Clojure, which Debian's libraries ask for and its
// package of Clojure alone does not have. An app's own version goes before it; without its
// description every build would look for it anew.
func addClojure(repository string) error {
	dir := filepath.Join(repository, "org", "clojure", "clojure")
	if _, err := os.Stat(filepath.Join(dir, "debian")); err == nil {
		return nil
	}
	real, err := os.ReadFile(filepath.Join(dir, clojureVersion, "clojure-"+clojureVersion+".pom"))
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "debian"), 0o755); err != nil {
		return err
	}
	pom := bytes.Replace(real, []byte("<version>"+clojureVersion+"</version>"), []byte("<version>debian</version>"), 1)
	return writeSummed(filepath.Join(dir, "debian", "clojure-debian.pom"), pom)
}

// clojureVersion is the version of Clojure that Debian has.
const clojureVersion = "1.11.1"

// publish copies a repository whose files are links into /usr/share/java, and adds the checksums
// that a published one has.
func publish(from, to string) error {
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil // a link to a library that no package of these has
		}
		return writeSummed(target, data)
	})
}

// writeSummed writes a file and its checksum.
func writeSummed(file string, data []byte) error {
	sum := sha1.Sum(data)
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return err
	}
	return os.WriteFile(file+".sha1", []byte(hex.EncodeToString(sum[:])), 0o644)
}

func run(dir, program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %s: %w\n%s", program, err, out)
	}
	return nil
}
