package golang_test

import (
	"bytes"
	"io/fs"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/buildpacktest"
	"slugc/cache/testkit"
)

// TestPrivateModule fetches a module from a git server that asks for a user and a password.
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
	server := buildpacktest.ServeFiles(t, "git", backend)
	server.Protect("deploy", password)

	b := newBench(t, "")
	must(t, os.Remove(b.Layer("modules")))
	b.Env = append(b.Env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url."+server.URL+"/.insteadOf",
		"GIT_CONFIG_VALUE_0=https://git.example.com/", "GIT_ALLOW_PROTOCOL=https:http")
	host := strings.ReplaceAll(strings.TrimPrefix(server.URL, "http://"), ".", "__")
	b.Config["GOPRIVATE"], b.Config["GOFLAGS"] = "git.example.com", "-mod=mod"
	b.Config["GO_GIT_CRED__HTTP__"+host] = "deploy:" + password
	b.Write("go.mod", "module example.com/app\n\ngo 1.26\n\nrequire git.example.com/team/lib.git v1.0.0\n")
	b.Write("main.go", "package main\n\nimport \"git.example.com/team/lib.git\"\n\nfunc main() { println(lib.Word) }\n")
	got := b.build()
	if text := b.runs("app"); text != "private" {
		t.Errorf("the app prints %q", text)
	}
	if strings.Contains(got.Log, password) {
		t.Errorf("the password was printed:\n%s", got.Log)
	}
	must(t, filepath.WalkDir(b.App, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(password)) {
			t.Errorf("%s contains the password", path)
		}
		return err
	}))
}

// commitModule makes a git repository with a module, tagged v1.0.0.
func commitModule(t *testing.T, git, dir string) {
	t.Helper()
	testkit.Tree(t, dir, map[string]string{
		"go.mod": "module git.example.com/team/lib.git\n\ngo 1.26\n",
		"lib.go": "package lib\n\nconst Word = \"private\"\n",
	})
	for _, argv := range [][]string{
		{"init", "-q"},
		{"add", "."},
		{"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "first"},
		{"tag", "v1.0.0"},
	} {
		cmd := exec.Command(git, argv...)
		cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", argv, err, out)
		}
	}
}
