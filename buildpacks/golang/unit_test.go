package golang

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/language"
)

func TestSplitFlags(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"":                                nil,
		"  ":                              nil,
		"-v -race":                        {"-v", "-race"},
		"'-ldflags=-s -w' -v":             {"-ldflags=-s -w", "-v"},
		`"-ldflags=-X 'a=b c'"`:           {"-ldflags=-X 'a=b c'"},
		"-ldflags=-X=a=b\t-tags=x\n":      {"-ldflags=-X=a=b", "-tags=x"},
		"'never closed":                   {"'never", "closed"},
		`-a="not a quote" -b`:             {`-a="not`, `a`, `quote"`, `-b`},
		"''":                              {""},
		"-tags=a,b --mod=mod -trimpath=0": {"-tags=a,b", "--mod=mod", "-trimpath=0"},
	} {
		if diff := cmp.Diff(want, splitFlags(in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func TestQuoteWordIsSplitBack(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"-v", "-ldflags=-s -w", `-ldflags=-X 'a=b'`, `it's`, `say "so"`} {
		quoted, ok := quoteWord(word)
		if diff := cmp.Diff([]string{word}, splitFlags(quoted)); !ok || diff != "" {
			t.Errorf("%q is quoted as %s:\n%s", word, quoted, diff)
		}
	}
	if _, ok := quoteWord(`' "`); ok {
		t.Error("both kinds of quotes were quoted")
	}
}

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
	if diff := cmp.Diff(want, e.list()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCredentialsAreGitsByEnvironmentOnly(t *testing.T) {
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
		cmd.Env, cmd.Dir, cmd.Stdin = append(
			e.list(),
			"GIT_ASKPASS=",
		), "/", strings.NewReader(
			"protocol=https\nhost="+host+"\n\n",
		)
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
	for _, entry := range e.list() {
		if strings.HasPrefix(entry, "GIT_CONFIG_VALUE") && strings.Contains(entry, "hunter22") {
			t.Errorf("git's configuration holds the secret: %s", entry)
		}
	}
	if diff := cmp.Diff([]string{"ghp_0123456789abcdef", "hunter22"}, slices.Compact(e.secrets)); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

func TestUnremarkable(t *testing.T) {
	t.Parallel()
	dull := unremarkable("web")
	for line, want := range map[string]bool{"internal/abi": true, "runtime": true, "web": false, "web/lib": false, "example.com/a": false, "# web": false, "go: downloading x": false, "": false} {
		if dull(line) != want {
			t.Errorf("%q: %t", line, !want)
		}
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		self   string
		limits map[string]string
		env    []string
		want   string
	}{
		{name: "no cgroup", self: "", want: "unset"},
		{name: "version 2", self: "0::/\n", limits: map[string]string{"memory.max": "536870912"}, want: "483183819"},
		{name: "version 2, unlimited", self: "0::/\n", limits: map[string]string{"memory.max": "max"}, want: "unset"},
		{name: "version 2, a parent's limit is lower", self: "0::/machine/app\n",
			limits: map[string]string{
				"machine/app/memory.max": "max",
				"machine/memory.max":     "1000",
				"memory.max":             "2000",
			}, want: "900"},
		{name: "version 1", self: "12:cpu,cpuacct:/x\n4:memory:/dock/er\n0::/y\n",
			limits: map[string]string{
				"memory/dock/er/memory.limit_in_bytes": "1073741824",
				"memory/memory.limit_in_bytes":         "9223372036854771712",
			}, want: "966367638"},
		{
			name:   "version 1, unlimited",
			self:   "4:memory:/\n",
			limits: map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712"},
			want:   "unset",
		},
		{name: "nonsense", self: "rubbish\n::\n", limits: map[string]string{"memory.max": "-5; exit"}, want: "unset"},
		{
			name:   "the user's",
			self:   "0::/\n",
			limits: map[string]string{"memory.max": "1000"},
			env:    []string{"GOMEMLIMIT=1GiB"},
			want:   "1GiB",
		},
		{
			name:   "the user's, off",
			self:   "0::/\n",
			limits: map[string]string{"memory.max": "1000"},
			env:    []string{"GOMEMLIMIT="},
			want:   "",
		},
	}
	for _, shell := range []string{"bash", "sh"} {
		for _, c := range cases {
			t.Run(shell+"/"+c.name, func(t *testing.T) {
				dir := t.TempDir()
				write(t, filepath.Join(dir, "self"), c.self)
				for name, text := range c.limits {
					write(t, filepath.Join(dir, "cgroup", name), text+"\n")
				}
				write(
					t,
					filepath.Join(dir, "go.sh"),
					profile(language.Cgroups{Root: filepath.Join(dir, "cgroup"), Self: filepath.Join(dir, "self")}),
				)
				cmd := exec.Command(
					shell,
					"-euc",
					`. "$1"; . "$1"; echo "$PATH"; echo "${GOMEMLIMIT-unset}"; set | grep -E '^(least|limit|group|file|dir)=' || :`,
					shell,
					filepath.Join(dir, "go.sh"),
				)
				cmd.Env = append(c.env, "HOME=/app", "PATH=/usr/bin:/bin")
				out, err := cmd.CombinedOutput()
				if want := "/usr/bin:/bin:/app/bin\n" + c.want + "\n"; err != nil || string(out) != want {
					t.Errorf("got %q (%v), want %q", out, err, want)
				}
			})
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTrimOldest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "README"), strings.Repeat("r", 1000))
	for i := range 5 {
		name := filepath.Join(dir, "0"+strconv.Itoa(i), "entry-d")
		write(t, name, strings.Repeat("x", 100))
		when := time.Unix(int64(1000-i), 0)
		if err := os.Chtimes(name, when, when); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		most, keep int64
		want       []string
	}{
		{500, 0, []string{"00/entry-d", "01/entry-d", "02/entry-d", "03/entry-d", "04/entry-d", "README"}},
		{499, 250, []string{"00/entry-d", "01/entry-d", "README"}},
	} {
		if err := trimOldest(dir, step.most, step.keep); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, names(t, dir)); diff != "" {
			t.Errorf("at most %d (-want +got):\n%s", step.most, diff)
		}
	}
}

func TestTrimModules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{
		"example.com/!used@v1.0.0/a@b/x.go", "example.com/!used@v1.0.0/x.go", "example.com/old@v1.0.0/x.go", "example.com/old@v1.0.0/sub@dir/x.go",
		"cache/download/example.com/!used/@v/v1.0.0.zip", "cache/download/example.com/old/@v/v1.0.0.zip", "cache/download/example.com/old/@v/v1.0.0.mod",
		"cache/vcs/0123/packed-refs", "cache/lock",
	} {
		write(t, filepath.Join(dir, name), "1234567890")
	}
	if err := os.Chmod(filepath.Join(dir, "example.com/old@v1.0.0/sub@dir"), 0o500); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"example.com/!used@v1.0.0": true}
	if err := trimModules(dir, used, 90); err != nil || len(names(t, dir)) != 9 {
		t.Fatalf("trimmed below the limit: %v (%v)", names(t, dir), err)
	}
	if err := trimModules(dir, used, 89); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cache/download/example.com/!used/@v/v1.0.0.zip", "cache/download/example.com/old/@v/v1.0.0.mod", "cache/lock",
		"example.com/!used@v1.0.0/a@b/x.go", "example.com/!used@v1.0.0/x.go",
	}
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
