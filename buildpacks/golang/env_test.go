package golang

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()
	e := newEnvironment(
		[]string{
			"PATH=/bin",
			"GOPROXY=https://mirror.example",
			"GIT_DIR=/x",
			"GIT_SSL_CAINFO=/ca",
			"CNB_LAYERS_DIR=/l",
			"GOOS=plan9",
		},
		map[string]string{
			"GOPROXY":      " file://${build_dir}/proxy \n",
			"DATABASE_URL": "secret",
			"CGO_ENABLED":  "0",
			"PATH":         "/evil",
		},
		"/app",
	)
	want := []string{"CGO_ENABLED=0", "GIT_SSL_CAINFO=/ca", "GOPROXY=file:///app/proxy", "PATH=/bin"}
	if diff := cmp.Diff(want, e.vars.List()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCredentials holds that git gets credentials by its environment alone.
func TestCredentials(t *testing.T) {
	t.Parallel()
	config := map[string]string{
		"GO_GIT_CRED__HTTPS__GIT__INNER__EXAMPLE__COM": "deploy:hunter22\n",
		"GO_GIT_CRED__HTTPS__GITHUB__COM":              "ghp_0123456789abcdef",
		"GO_GIT_CRED__HTTPS":                           "no host",
	}
	e := newEnvironment([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, config, "/app")
	for host, want := range map[string]string{
		"git.inner.example.com": "username=deploy\npassword=hunter22\n",
		"github.com":            "username=ghp_0123456789abcdef\npassword=ghp_0123456789abcdef\n",
		"example.com":           "",
	} {
		cmd := exec.Command("git", "credential", "fill")
		cmd.Env, cmd.Dir = append(e.vars.List(), "GIT_ASKPASS="), "/"
		cmd.Stdin = strings.NewReader("protocol=https\nhost=" + host + "\n\n")
		out, err := cmd.Output()
		if want == "" {
			if err == nil {
				t.Errorf("%s: git found %q", host, out)
			}
			continue
		}
		if err != nil || !strings.HasSuffix(string(out), want) {
			t.Errorf("%s: got %q (%v), want %q", host, out, err, want)
		}
	}
	for _, entry := range e.vars.List() {
		if strings.HasPrefix(entry, "GIT_CONFIG_VALUE") && strings.Contains(entry, "hunter22") {
			t.Errorf("the secret is in git's configuration: %s", entry)
		}
	}
	if diff := cmp.Diff([]string{"ghp_0123456789abcdef", "hunter22"}, slices.Compact(e.secrets)); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

func TestStandardLibraryIsNotShown(t *testing.T) {
	t.Parallel()
	drops := ofStandardLibrary("web")
	for line, want := range map[string]bool{
		"internal/abi": true, "runtime": true,
		"web": false, "web/lib": false, "example.com/a": false, "# web": false, "go: downloading x": false, "": false,
	} {
		if drops(line) != want {
			t.Errorf("%q: %t", line, !want)
		}
	}
}
