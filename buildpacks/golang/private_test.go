package golang_test

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPrivateModule fetches a module from a git server that wants a user and a password.
func TestPrivateModule(t *testing.T) {
	t.Parallel()
	const password = "correct-horse-battery"
	git, err := exec.LookPath("git")
	must(t, err)
	repos := t.TempDir()
	commitModule(t, git, filepath.Join(repos, "team", "lib"))
	backend := &cgi.Handler{
		Path: git,
		Args: []string{"http-backend"},
		Env:  []string{"GIT_PROJECT_ROOT=" + repos, "GIT_HTTP_EXPORT_ALL=1", "HOME=" + repos},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, pass, _ := r.BasicAuth(); user != "deploy" || pass != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	defer server.Close()

	b := newBench(t, "")
	must(t, os.Remove(b.path("kept/modules")))
	b.process = []string{
		"GIT_CONFIG_COUNT=1",
		"GIT_CONFIG_KEY_0=url." + server.URL + "/.insteadOf",
		"GIT_CONFIG_VALUE_0=https://git.example.com/",
		"GIT_ALLOW_PROTOCOL=https:http",
	}
	b.env["GOPRIVATE"], b.env["GOFLAGS"] = "git.example.com", "-mod=mod"
	b.env["GO_GIT_CRED__HTTP__"+strings.ReplaceAll(strings.TrimPrefix(server.URL, "http://"), ".", "__")] = "deploy:" + password
	b.write("go.mod", "module example.com/app\n\ngo 1.26\n\nrequire git.example.com/team/lib.git v1.0.0\n")
	b.write("main.go", "package main\n\nimport \"git.example.com/team/lib.git\"\n\nfunc main() { println(lib.Word) }\n")
	got := b.build()
	if said := b.runs("app"); said != "private" {
		t.Errorf("the app says %q", said)
	}
	if strings.Contains(got.log, password) {
		t.Errorf("the password was printed:\n%s", got.log)
	}
	must(t, filepath.WalkDir(b.app, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(password)) {
			t.Errorf("%s holds the password", path)
		}
		return err
	}))
}

// commitModule makes a git repository with a module, tagged v1.0.0.
func commitModule(t *testing.T, git, dir string) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	must(
		t,
		os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module git.example.com/team/lib.git\n\ngo 1.26\n"), 0o644),
	)
	must(t, os.WriteFile(filepath.Join(dir, "lib.go"), []byte("package lib\n\nconst Word = \"private\"\n"), 0o644))
	for _, argv := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "first"}, {"tag", "v1.0.0"}} {
		cmd := exec.Command(git, argv...)
		cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", argv, err, out)
		}
	}
}
