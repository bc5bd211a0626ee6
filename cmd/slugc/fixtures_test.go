package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"slugc/compiler"
	"slugc/compiler/release"
	"slugc/compiler/slug"
)

// want is a fixture's want.json: what a build of it must give.
type want struct {
	App string `json:"app"`
	// "gems": a gem source on loopback; "vendored gems": vendor/cache, and no gem source; "maven":
	// a Maven repository on loopback
	Needs        string            `json:"needs"`
	Group        []string          `json:"group"`
	ProcessTypes map[string]string `json:"process_types"`
	Runtimes     map[string]string `json:"runtimes"` // name → prefix of the version
	Addons       []string          `json:"addons"`   // are named in the release
	HTTP         *struct {
		Path   string `json:"path"`
		Status int    `json:"status"`
		Body   string `json:"body"` // is in the answer
	} `json:"http"`
	Bill *struct {
		Has   []string `json:"has"`   // beginnings of package URLs, without "pkg:"
		Lacks []string `json:"lacks"` // words
	} `json:"bill"` // of materials
	Present  []string          `json:"present"` // paths in the slug
	Absent   []string          `json:"absent"`
	Warnings []string          `json:"warnings"` // are in what the build says
	Env      map[string]string `json:"env"`      // build configuration
	Error    *struct {
		ID   string `json:"id"`
		Exit int    `json:"exit"`
	} `json:"error"`
}

// TestFixtures builds every app under fixtures/ and holds it to its want.json; an app that builds
// is unpacked elsewhere, started, and must answer; one in Ruby or Clojure also where there is
// nothing but the C library, a shell and env.
func TestFixtures(t *testing.T) {
	dirs, err := filepath.Glob("../../fixtures/*/want.json")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range dirs {
		dir, err := filepath.Abs(filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			fixture(t, dir)
		})
	}
}

func readWant(t *testing.T, dir string) want {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "want.json"))
	if err != nil {
		t.Fatal(err)
	}
	var w want
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w); err != nil {
		t.Fatalf("reading want.json: %v", err)
	}
	return w
}

func fixture(t *testing.T, dir string) {
	w, home := readWant(t, dir), state(t)
	dir, env := provide(t, &w, dir)
	args := []string{"build", dir, "--json"}
	for k, v := range w.Env {
		args = append(args, "--env", k+"="+v)
	}
	o := slugcIn(t, "", home, env, args...)
	for _, s := range w.Warnings {
		if !strings.Contains(o.stderr, s) {
			t.Errorf("the build does not say %q:\n%s", s, o.stderr)
		}
	}
	if w.Error != nil {
		checkError(t, w.Error.ID, w.Error.Exit, o)
		return
	}
	if o.exit != 0 {
		t.Fatalf("exit %d\n%s", o.exit, o.stderr)
	}
	result := decode[compiler.Result](t, o)
	checkResult(t, w, result)
	checkAddons(t, w, home, result)
	if v := slugc(t, home, "verify", result.Slug.Path, "--digest", string(result.Slug.Digest)); v.exit != 0 {
		t.Errorf("verify: exit %d: %s", v.exit, v.stderr)
	}
	app := filepath.Join(t.TempDir(), "elsewhere")
	if u := slugc(t, home, "unpack", result.Slug.Path, app); u.exit != 0 {
		t.Fatalf("unpack: exit %d: %s", u.exit, u.stderr)
	}
	checkFiles(t, w, app)
	if w.HTTP == nil {
		return
	}
	checkHTTP(t, w, home, result.Slug.Path)
	if name := result.App; strings.HasPrefix(name, "ruby-") || strings.HasPrefix(name, "clojure-") {
		web, _ := result.ProcessTypes.Command("web")
		bare(t, home, result, web, w.HTTP.Path, w.HTTP.Body)
	}
	if w.Bill != nil {
		checkBill(t, w, home)
	}
}

// checkBill looks at the launch bills of materials of the only app in home: they have what
// want.json names, and nothing that only the build has used.
func checkBill(t *testing.T, w want, home string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(home, "apps", "*", "layers", "*", "launch.sbom.cdx.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("bills %v (%v)", files, err)
	}
	var text strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(data)
	}
	for _, library := range w.Bill.Has {
		if !strings.Contains(text.String(), `"purl": "pkg:`+library) {
			t.Errorf("%s is not in the bill:\n%s", library, text.String())
		}
	}
	for _, word := range w.Bill.Lacks {
		if strings.Contains(text.String(), word) {
			t.Errorf("%s is in the bill:\n%s", word, text.String())
		}
	}
}

func checkError(t *testing.T, id string, exit int, o outcome) {
	t.Helper()
	doc := decode[struct {
		Error struct {
			ID   string `json:"id"`
			Exit int    `json:"exit"`
		} `json:"error"`
	}](t, o)
	if doc.Error.ID != id || o.exit != exit || doc.Error.Exit != exit {
		t.Errorf(
			"error %q, exit %d (stated %d); want %q, exit %d\n%s",
			doc.Error.ID,
			o.exit,
			doc.Error.Exit,
			id,
			exit,
			o.stderr,
		)
	}
	if !strings.Contains(o.stderr, "["+id+"]") {
		t.Errorf("the error's id is not printed:\n%s", o.stderr)
	}
}

func checkResult(t *testing.T, w want, r compiler.Result) {
	t.Helper()
	var group []string
	for _, b := range r.Buildpacks {
		group = append(group, b.ID)
	}
	if len(w.Group) > 0 && !slices.Equal(group, w.Group) {
		t.Errorf("group %v, want %v", group, w.Group)
	}
	types := map[string]string{}
	for _, p := range r.ProcessTypes {
		types[p.Type] = p.Command
	}
	for typ, command := range w.ProcessTypes {
		if types[typ] != command {
			t.Errorf("process type %s is %q, want %q", typ, types[typ], command)
		}
	}
	if len(w.ProcessTypes) > 0 && len(types) != len(w.ProcessTypes) {
		t.Errorf("process types %v, want %v", types, w.ProcessTypes)
	}
	for name, prefix := range w.Runtimes {
		if !slices.ContainsFunc(
			r.Runtimes,
			func(have slug.Runtime) bool { return have.Name == name && strings.HasPrefix(have.Version, prefix) },
		) {
			t.Errorf("runtimes %v, want %s %s", r.Runtimes, name, prefix)
		}
	}
	if r.Release == nil || r.Release.Version != 1 || r.Release.Status != "current" {
		t.Errorf("release %+v, want a current v1", r.Release)
	}
}

// checkAddons looks at the release: what add-ons an app wants is the release's to say.
func checkAddons(t *testing.T, w want, home string, r compiler.Result) {
	t.Helper()
	list := decode[[]release.Release](t, slugc(t, home, "releases", r.App, "--json"))
	if len(list) != 1 || !slices.Equal(list[0].Addons, w.Addons) {
		t.Errorf("releases %+v, want one with the add-ons %v", list, w.Addons)
	}
}

func checkFiles(t *testing.T, w want, app string) {
	t.Helper()
	for _, p := range w.Present {
		if _, err := os.Stat(filepath.Join(app, p)); err != nil {
			t.Errorf("not in the slug: %v", err)
		}
	}
	for _, p := range w.Absent {
		if _, err := os.Lstat(filepath.Join(app, p)); err == nil {
			t.Errorf("%s is in the slug", p)
		}
	}
}

// checkHTTP starts the web process as `slugc run` does and asks it.
func checkHTTP(t *testing.T, w want, home, file string) {
	t.Helper()
	port := freePort(t)
	cmd := exec.Command(binary, "run", file, "web", "--port", fmt.Sprint(port))
	cmd.Env = append([]string{"HOME=" + home, "SLUGC_HOME=" + home}, settings...)
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
	status, body, err := ask(fmt.Sprintf("http://127.0.0.1:%d%s", port, w.HTTP.Path), patience)
	if err != nil {
		t.Fatal(err)
	}
	if status != w.HTTP.Status || !strings.Contains(body, w.HTTP.Body) {
		t.Errorf("answer %d %q, want %d with %q", status, body, w.HTTP.Status, w.HTTP.Body)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// patience is how long an app may take to answer: a JVM on a busy machine takes minutes.
const patience = 10 * time.Minute

// ask asks until something answers.
func ask(url string, patience time.Duration) (int, string, error) {
	deadline := time.Now().Add(patience)
	for {
		resp, err := http.Get(url)
		if err == nil {
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			return resp.StatusCode, string(body), err
		}
		if time.Now().After(deadline) {
			return 0, "", errors.Join(errors.New("nothing answers"), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
