// Package clojuretest provides tests with a Maven repository, without a registry of Java libraries:
// real libraries of Debian's packages, which have Maven's layout, served on loopback:
//
//	maven := clojuretest.Serve(t)
//	t.Setenv("SLUGC_MAVEN_MIRROR", maven.URL)
//
// The repository is made once and kept in the user's cache directory. Only tests import the
// package. Making it needs apt-get and its network.
package clojuretest

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/buildpacktest"
	"slugc/cache/testkit"
)

// packages are Debian's packages of the libraries that are served. They depend on one another in
// versions of Debian's ("debian", "9.x"), so a test app must name versions that are here.
var packages = strings.Fields(`
	libapache-pom-java libcheshire-clojure libclj-http-clojure libclj-time-clojure libclj-tuple-clojure
	libclojure-java libclout-clojure libcommons-codec-java libcommons-fileupload-java libcommons-io-java
	libcommons-logging-java libcommons-parent-java libcompojure-clojure libcore-specs-alpha-clojure
	libcrypto-equality-clojure libcrypto-random-clojure libel-api-java libhttpclient-java libhttpcore-java
	libhttpmime-java libinstaparse-clojure libjackson2-core-java libjetty9-java libjoda-time-java
	libjsp-api-java libjsr166y-java libmedley-clojure libnrepl-clojure libnrepl-incomplete-clojure
	libpotemkin-clojure libriddley-clojure libring-codec-clojure libring-core-clojure
	libring-jetty-adapter-clojure libring-json-clojure libring-servlet-clojure libservlet-api-java
	libslingshot-clojure libspec-alpha-clojure libtigris-clojure libtools-macro-clojure libwebsocket-api-java`)

// schema is the version of the repository: change it when makeRepository makes something else.
const schema = "3"

// Server is a Maven repository on loopback.
type Server struct {
	*buildpacktest.FileServer
	Dir string // what it serves
}

// Serve serves the repository until the test ends.
func Serve(t testing.TB) *Server {
	t.Helper()
	testkit.NeedsTools(t, "language toolchains")
	dir, err := Repository()
	buildpacktest.Must(t, err)
	return &Server{buildpacktest.ServeFiles(t, "maven", http.FileServer(http.Dir(dir))), dir}
}

// Repository returns the directory of the repository, and makes it if it does not exist.
func Repository() (string, error) { return buildpacktest.Once("maven/"+schema, makeRepository) }

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

// addClojure adds the description of Clojure's version "debian", which Debian's libraries depend on
// and its package of Clojure does not have. Apps use another version, but without the description
// every build would look for it again.
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

// publish copies a repository whose files are links into /usr/share/java, and adds checksums.
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
			return nil // a link to a library of another package
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
