package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"slugc/.ci/bench/measure"
	"slugc/buildpacks/clojure/clojuretest"
	"slugc/buildpacks/ruby/rubytest"
	"slugc/buildpacks/toolchain"
)

// serveDir serves a directory on loopback until stop is called.
func serveDir(dir string) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(dir))}
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() { _ = server.Close() }, nil
}

// fixture is one of the fixtures, in copies for slugc and for its tool alone.
type fixture struct {
	b                *bench
	app, alone, home string
	variable         string // "SLUGC_GEM_MIRROR=http://…"
}

// fixture copies a fixture, serves packages to it and builds it.
func (b *bench) fixture(name, variable, packages string) (f fixture, stop func(), err error) {
	url, stop, err := serveDir(packages)
	if err != nil {
		return f, nil, err
	}
	f = fixture{b, b.path(name), b.path(name + "-alone"), b.path("home"), variable + "=" + url}
	from := os.DirFS(filepath.Join(b.root, "fixtures", name))
	err = errors.Join(os.CopyFS(f.app, from), os.CopyFS(f.alone, from))
	if err == nil {
		err = f.build("")
	}
	if err != nil {
		stop()
	}
	return f, stop, err
}

func (f fixture) build(thing string) error {
	c := f.b.ours(f.home, "build", f.app, "--json", "--plain")
	c.Env = append(c.Env, f.variable)
	_, err := f.b.measure(thing, c)
	return err
}

// url is where its packages are served.
func (f fixture) url() string {
	_, url, _ := strings.Cut(f.variable, "=")
	return url
}

// tool is the directory of a tool that slugc has fetched.
func (f fixture) tool(name string) string {
	dirs, _ := filepath.Glob(filepath.Join(f.home, "toolchains", name, "*"))
	return strings.Join(dirs, "")
}

// edit adds a comment to a file of both copies.
func (f fixture) edit(file, comment string) error {
	for _, dir := range []string{f.app, f.alone} {
		out, err := os.OpenFile(filepath.Join(dir, file), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = out.WriteString(comment + "\n")
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
	return nil
}

// ruby measures builds of a Sinatra app after a change of one line, and bundle install alone, which finds
// nothing to do.
func (b *bench) ruby() error {
	gems, err := rubytest.Gems()
	if err != nil {
		return err
	}
	f, stop, err := b.fixture("ruby-sinatra-puma", "SLUGC_GEM_MIRROR", gems)
	if err != nil {
		return err
	}
	defer stop()
	bundle := measure.Command{
		Args: []string{filepath.Join(f.tool("ruby"), "bin", "bundle"), "install"}, Dir: f.alone,
		Env: append(rubytest.Env(toolchain.Toolchain{Dir: f.tool("ruby")}), "HOME="+b.path("tmp"),
			"BUNDLE_MIRROR__ALL="+f.url(), "BUNDLE_PATH="+b.path("bundle"), "BUNDLE_FROZEN=true"),
	}
	if _, err := b.measure("", bundle); err != nil {
		return err
	}
	return b.alternate(b.rounds,
		step{[]string{rubyLine}, func(int) error {
			return errors.Join(f.edit("app.rb", "# changed"), f.build(rubyLine))
		}},
		step{[]string{rubyAlone}, func(int) error { _, err := b.measure(rubyAlone, bundle); return err }},
	)
}

// clojure measures builds of a Leiningen app after a change of one line, and lein uberjar alone.
func (b *bench) clojure() error {
	jars, err := clojuretest.Repository()
	if err != nil {
		return err
	}
	f, stop, err := b.fixture("clojure-lein-uberjar", "SLUGC_MAVEN_MIRROR", jars)
	if err != nil {
		return err
	}
	defer stop()
	lein := b.path("lein")
	if err := writeFiles(lein, map[string]string{"init.clj": strings.ReplaceAll(leinInit, "URL", f.url())}); err != nil {
		return err
	}
	java := filepath.Join(f.tool("jdk"), "bin", "java")
	jar, _ := filepath.Glob(filepath.Join(f.tool("leiningen"), "lib", "*.jar"))
	alone := measure.Command{
		Args: []string{"sh", "-ec", leinScript, "sh", java, strings.Join(jar, ""), lein},
		Dir:  f.alone,
		Env: b.env("LEIN_HOME="+lein, "JAVA_HOME="+f.tool("jdk"), "JAVA_CMD="+java,
			"JVM_OPTS=-XX:TieredStopAtLevel=1", "LEIN_NO_DEV=yes"),
	}
	if _, err := b.measure("", alone); err != nil {
		return err
	}
	return b.alternate(b.rounds,
		step{[]string{clojureLine}, func(int) error {
			return errors.Join(f.edit("src/hello/greeting.clj", "; changed"), f.build(clojureLine))
		}},
		step{[]string{clojureAlone}, func(int) error { _, err := b.measure(clojureAlone, alone); return err }},
	)
}

// leinInit lets Leiningen fetch from loopback.
const leinInit = `(require 'cemerick.pomegranate.aether 'leiningen.core.project)
(cemerick.pomegranate.aether/register-wagon-factory! "http" #(org.apache.maven.wagon.providers.http.HttpWagon.))
(alter-var-root #'leiningen.core.project/defaults assoc :mirrors {#".*" {:name "mirror" :url "URL"}})
`

// leinScript is what the command lein does, with a JDK, Leiningen's jar and a home.
const leinScript = `"$1" -Xbootclasspath/a:"$2" -XX:+TieredCompilation -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
	-Duser.home="$3" -Dleiningen.original.pwd="$PWD" -classpath "$2" clojure.main -m leiningen.core.main uberjar`
