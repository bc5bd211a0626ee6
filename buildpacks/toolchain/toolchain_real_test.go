package toolchain_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/buildpacks/toolchain"
)

// ask runs an installed client for one of its settings.
func ask(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = t.TempDir() // no project's .npmrc or go.work has a say
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running %s %s: %v", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// realStore is a store that is kept between runs, so that only the first one downloads.
func realStore(t *testing.T, change func(*toolchain.Settings)) *toolchain.Store {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	set := toolchain.Settings{
		NpmRegistry: func(context.Context) (string, error) { return ask(t, "npm", "config", "get", "registry"), nil },
		GoProxy: ask(
			t,
			"go",
			"env",
			"GOPROXY",
		), GoSumDB: ask(t, "go", "env", "GOSUMDB"), GoNoSumDB: ask(t, "go", "env", "GONOSUMDB"),
	}
	if change != nil {
		change(&set)
	}
	st, err := toolchain.Open(filepath.Join(cache, "slugc-test", "toolchains"), set)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

type logged struct{ t *testing.T }

func (l logged) Fetch(string, string, int64, int64) {}
func (l logged) Note(line string)                   { l.t.Log("note: " + line) }

// run runs a program with nothing but the toolchains' bin directories and the system's on its path.
func run(t *testing.T, tcs []toolchain.Toolchain, name string, args ...string) string {
	t.Helper()
	var path []string
	for _, tc := range tcs {
		path = append(path, filepath.Join(tc.Dir, "bin"))
	}
	path = append(path, "/usr/bin", "/bin")
	program := ""
	for _, dir := range path {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode()&0o111 != 0 {
			program = filepath.Join(dir, name)
			break
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{
		"PATH=" + strings.Join(path, ":"),
		"HOME=" + t.TempDir(),
		"GOTOOLCHAIN=local",
		"COREPACK_ENABLE_STRICT=0",
	}
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("running %s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestRealToolchains(t *testing.T) {
	st := realStore(t, nil)
	start := time.Now()
	tcs, err := st.Ensure(t.Context(), []toolchain.Request{
		{Tool: "node", Constraint: "22.x", From: "test"},
		{Tool: "go", Constraint: "1.25", From: "test"},
		// The digests are those that corepack writes into packageManager.
		{
			Tool:       "yarn",
			Constraint: "1.22.22",
			Hash:       "sha512.a6b2f7906b721bba3d67d4aff083df04dad64c399707841b7acf00f6b133b7ac24255f2652fa22ae3534329dc6180534e98d17432037ff6fd140556e2bb3137e",
		},
		{
			Tool:       "yarn",
			Constraint: "4.9.2",
			Hash:       "sha512.1fc009bc09d13cfd0e19efa44cbfc2b9cf6ca61482725eb35bbc5e257e093ebf4130db6dfe15d604ff4b79efd8e1e8e99b25fa7d0a6197c9f9826358d4d65c3c",
		},
		{
			Tool:       "pnpm",
			Constraint: "10.12.1",
			Hash:       "sha512.f0dda8580f0ee9481c5c79a1d927b9164f2c478e90992ad268bbb2465a736984391d6333d2c327913578b2804af33474ca554ba29c04a8b13060a717675ae3ac",
		},
		{Tool: "pnpm", Constraint: "12"}, {Tool: "npm", Constraint: "10"},
		{Tool: "bun", Constraint: "1.2"},
	}, logged{t})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("took %s", time.Since(start).Round(time.Millisecond))
	node, golang := tcs[0], tcs[1]
	for _, c := range []struct {
		tc   toolchain.Toolchain
		cmd  string
		arg  string
		want string
	}{
		{node, "node", "--version", "v" + node.Version},
		{node, "npm", "--version", "10."},
		{golang, "go", "version", "go version go" + golang.Version + " "},
		{tcs[2], "yarn", "--version", "1.22."},
		{tcs[3], "yarn", "--version", "4.9.2"},
		{tcs[4], "pnpm", "--version", tcs[4].Version},
		{tcs[5], "pnpm", "--version", tcs[5].Version},
		{tcs[6], "npm", "--version", tcs[6].Version},
		{tcs[7], "bun", "--version", tcs[7].Version},
	} {
		got := run(t, []toolchain.Toolchain{c.tc, node}, c.cmd, c.arg)
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %s says %q, want %q…", c.cmd, c.arg, got, c.want)
		}
		t.Logf("%s %s from %s, %s: %s", c.tc.Tool, c.tc.Version, c.tc.Source, c.tc.Digest, got)
	}
}
