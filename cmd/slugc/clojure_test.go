package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"slugc/buildpacks/clojure/clojuretest"
	"slugc/compiler"
)

// clojureBuild builds an app against the Maven repository of the tests.
func clojureBuild(t *testing.T, home, app string, server *clojuretest.Server) (compiler.Result, outcome) {
	t.Helper()
	o := slugcIn(t, "", home, []string{"SLUGC_MAVEN_MIRROR=" + server.URL}, "build", app, "--json")
	if o.exit != 0 {
		t.Fatalf("exit %d\n%s", o.exit, o.stderr)
	}
	return decode[compiler.Result](t, o), o
}

// TestClojureRebuild: two machines make the same slug of the same source, a change of one line
// downloads nothing and links no runtime, and the slug runs where there is nothing but the C
// library and a shell.
func TestClojureRebuild(t *testing.T) {
	home, server := state(t), clojuretest.Serve(t)
	app := filepath.Join(t.TempDir(), "clojure-lein-uberjar")
	if err := os.CopyFS(app, os.DirFS("../../fixtures/clojure-lein-uberjar")); err != nil {
		t.Fatal(err)
	}
	first, _ := clojureBuild(t, home, app, server)
	if elsewhere, _ := clojureBuild(t, state(t), app, server); first.Slug.Digest != elsewhere.Slug.Digest {
		t.Errorf("two machines make %s and %s", first.Slug.Digest, elsewhere.Slug.Digest)
	}
	file := filepath.Join(app, "src", "hello", "greeting.clj")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "hello from", "bonjour de")), 0o644); err != nil {
		t.Fatal(err)
	}
	server.Requests()
	changed, o := clojureBuild(t, home, app, server)
	if seen := server.Requests(); len(seen) > 0 || strings.Contains(o.stderr, "Linking") {
		t.Errorf("a change of one line asks for %v:\n%s", seen, o.stderr)
	}
	for _, s := range changed.Slug.Sections {
		if s.Name == "layer:slugc/clojure:jre" && s.Reused != "all" {
			t.Errorf("the runtime is packed anew: %+v", s)
		}
	}
	bare(t, home, changed, "java $JAVA_OPTS -jar target/uberjar/hello-standalone.jar", "/", "bonjour de Clojure")
}

// TestClojureLeinInSlug: with LEIN_INCLUDE_IN_SLUG, lein itself starts the app out of the slug,
// with no repository to ask.
func TestClojureLeinInSlug(t *testing.T) {
	home := state(t)
	app := filepath.Join(t.TempDir(), "clojure-lein-plain")
	if err := os.CopyFS(app, os.DirFS("../../fixtures/clojure-lein-plain")); err != nil {
		t.Fatal(err)
	}
	writeFiles(t, app, map[string]string{"Procfile": "web: lein with-profile production trampoline run\n"})
	o := slugcIn(
		t,
		"",
		home,
		[]string{"SLUGC_MAVEN_MIRROR=" + clojuretest.Serve(t).URL},
		"build",
		app,
		"--json",
		"--env",
		"LEIN_INCLUDE_IN_SLUG=yes",
	)
	if o.exit != 0 {
		t.Fatalf("exit %d\n%s", o.exit, o.stderr)
	}
	result := decode[compiler.Result](t, o)
	w := want{}
	if err := json.Unmarshal([]byte(`{"present": [".layers/slugc_clojure/lein/leiningen.jar"], "http": {"path": "/", "status": 200, "body": "hello from the sources"}}`), &w); err != nil {
		t.Fatal(err)
	}
	unpacked := filepath.Join(t.TempDir(), "app")
	if u := slugc(t, home, "unpack", result.Slug.Path, unpacked); u.exit != 0 {
		t.Fatal(u.stderr)
	}
	checkFiles(t, w, unpacked)
	checkHTTP(t, w, home, result.Slug.Path)
}

// TestClojurePrivateRepository: a tools.deps app signs in to a private repository by settings that
// it has checked in and a password that it has not.
func TestClojurePrivateRepository(t *testing.T) {
	home, server := state(t), clojuretest.Serve(t)
	server.Protect("deploy", "hunter22-5f1c")
	app := filepath.Join(t.TempDir(), "private")
	if err := os.CopyFS(app, os.DirFS("../../fixtures/clojure-deps-run")); err != nil {
		t.Fatal(err)
	}
	deps, err := os.ReadFile(filepath.Join(app, "deps.edn"))
	if err != nil {
		t.Fatal(err)
	}
	repos := fmt.Sprintf(`{:mvn/repos {"central" nil "clojars" nil "acme" {:url %q}}`, server.URL) + "\n "
	writeFiles(t, app, map[string]string{
		"deps.edn":          repos + strings.TrimPrefix(string(deps), "{"),
		".mvn/settings.xml": "<settings><servers><server><id>acme</id><username>deploy</username><password>${env.ACME_PASSWORD}</password></server></servers></settings>\n",
	})
	build := func(password string) outcome {
		return slugc(
			t,
			home,
			"build",
			app,
			"--app",
			"private",
			"--json",
			"--env",
			"MAVEN_SETTINGS_PATH=.mvn/settings.xml",
			"--env",
			"CLOJURE_CLI_ALLOW_HTTP_REPO=true",
			"--env",
			"ACME_PASSWORD="+password,
		)
	}
	checkError(t, "clojure/repository-unauthorised", 51, build("wrong-password"))
	if o := build("hunter22-5f1c"); o.exit != 0 || strings.Contains(o.stdout+o.stderr, "hunter22") {
		t.Errorf("exit %d\n%s", o.exit, o.stderr)
	}
}

// bare starts a command of a slug in a root that has only the C library, a shell and /proc, and
// asks it.
func bare(t *testing.T, home string, result compiler.Result, command, path, body string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	bareRoot(t, root)
	for _, dir := range []string{"proc", "tmp"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if u := slugc(t, home, "unpack", result.Slug.Path, filepath.Join(root, "app")); u.exit != 0 {
		t.Fatalf("unpack: exit %d: %s", u.exit, u.stderr)
	}
	port := freePort(t)
	flags := "-m"
	if os.Geteuid() != 0 {
		flags = "-rm"
	}
	inside := `mount --rbind /proc "$1/proc" && exec chroot "$1" /bin/sh -c "cd /app && . .profile.d/000_slugc.sh && exec $2"`
	cmd := exec.Command("unshare", flags, "/bin/sh", "-c", inside, "sh", root, command)
	cmd.Env = []string{"HOME=/app", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", fmt.Sprintf("PORT=%d", port)}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the process said:\n%s", log.String())
		}
	}()
	status, answer, err := ask(fmt.Sprintf("http://127.0.0.1:%d%s", port, path), patience)
	if err != nil || status != 200 || !strings.Contains(answer, body) {
		t.Errorf("answer %d %q, %v", status, answer, err)
	}
}
