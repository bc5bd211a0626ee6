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
		GoProxy:     ask(t, "go", "env", "GOPROXY"),
		GoSumDB:     ask(t, "go", "env", "GOSUMDB"),
		GoNoSumDB:   ask(t, "go", "env", "GONOSUMDB"),
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
	t.Parallel()
	st := realStore(t, nil)
	start := time.Now()
	tcs, err := st.Ensure(t.Context(), []toolchain.Request{
		{Tool: "node", Constraint: "22.x", From: "test"},
		{Tool: "go", Constraint: "1.25", From: "test"},
		// The digests are those that corepack writes into packageManager.
		{
			Tool:       "yarn",
			Constraint: "1.22.22",
			Hash: "sha512.a6b2f7906b721bba3d67d4aff083df04dad64c399707841b7acf00f6b133b7ac" +
				"24255f2652fa22ae3534329dc6180534e98d17432037ff6fd140556e2bb3137e",
		},
		{
			Tool:       "yarn",
			Constraint: "4.9.2",
			Hash: "sha512.1fc009bc09d13cfd0e19efa44cbfc2b9cf6ca61482725eb35bbc5e257e093ebf" +
				"4130db6dfe15d604ff4b79efd8e1e8e99b25fa7d0a6197c9f9826358d4d65c3c",
		},
		{
			Tool:       "pnpm",
			Constraint: "10.12.1",
			Hash: "sha512.f0dda8580f0ee9481c5c79a1d927b9164f2c478e90992ad268bbb2465a736984" +
				"391d6333d2c327913578b2804af33474ca554ba29c04a8b13060a717675ae3ac",
		},
		{Tool: "pnpm", Constraint: "12"}, {Tool: "npm", Constraint: "10"},
		{Tool: "bun", Constraint: "1.2"},
		// Of this version the registry has another file than Yarn's own site, which corepack pins.
		{
			Tool:       "yarn",
			Constraint: "4.9.1",
			Hash: "sha512.f95ce356460e05be48d66401c1ae64ef84d163dd689964962c6888a9810865e3" +
				"9097a5e9de748876c2e0bf89b232d583c33982773e9903ae7a76257270986538",
		},
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
		{tcs[8], "yarn", "--version", "4.9.1"},
	} {
		got := run(t, []toolchain.Toolchain{c.tc, node}, c.cmd, c.arg)
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %s says %q, want %q…", c.cmd, c.arg, got, c.want)
		}
		t.Logf("%s %s from %s, %s: %s", c.tc.Tool, c.tc.Version, c.tc.Source, c.tc.Digest, got)
	}
}

// foreignPaths prints Ruby's version and every path that it uses outside of the directory that is
// its argument, except for the C library's.
const foreignPaths = `
mapped = File.readlines("/proc/self/maps").map { |line| line[/\/.*\.so.*/] }
paths = [$LOAD_PATH, $LOADED_FEATURES, Gem.path, RbConfig.ruby, mapped].flatten.compact
print RUBY_VERSION, " ", paths.reject { |path|
  path.start_with?(ARGV[0]) || path =~ /\/(libc|libm|ld-linux[^\/]*)\.so/ || path !~ /\//
}.uniq`

// TestRealRuby runs a Ruby made of Debian's packages, and nothing of the machine's.
func TestRealRuby(t *testing.T) {
	t.Parallel()
	st := realStore(t, func(s *toolchain.Settings) { s.Debian = toolchain.Debian{Bin: "/usr/bin"} })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	got, err := st.Ensure(ctx, []toolchain.Request{{Tool: "ruby", Constraint: "~> 3.1.0", From: "a test"}}, logged{t})
	if err != nil {
		t.Fatal(err)
	}
	dir := got[0].Dir
	args := []string{"-ropenssl", "-rpsych", "-rzlib", "-rbundler", "-e", foreignPaths, dir}
	cmd := exec.Command(filepath.Join(dir, "bin", "ruby"), args...)
	cmd.Env = []string{
		"PATH=/usr/bin:/bin", "LD_LIBRARY_PATH=" + filepath.Join(dir, "lib", "x86_64-linux-gnu"),
		"RUBYLIB=" + filepath.Join(dir, "lib/ruby/3.1.0") + ":" + filepath.Join(dir, "lib/x86_64-linux-gnu/ruby/3.1.0"),
	}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != got[0].Version+" []" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestRealDebianJVM runs the JDK, Leiningen and tools.deps of Debian's packages.
func TestRealDebianJVM(t *testing.T) {
	t.Parallel()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	realStore(t, nil) // says why, where there is no network
	st, err := toolchain.Open(filepath.Join(cache, "slugc-test", "debian-jvm"), toolchain.Settings{
		Debian: toolchain.Debian{Bin: "/usr/bin"}, JDKMirror: "off", LeinMirror: "off", ClojureMirror: "off",
	})
	if err != nil {
		t.Fatal(err)
	}
	reqs := []toolchain.Request{{Tool: "jdk", Constraint: "17"}, {Tool: "leiningen"}, {Tool: "clojure"}}
	got, err := st.Ensure(t.Context(), reqs, logged{t})
	if err != nil {
		t.Fatal(err)
	}
	java, keytool := filepath.Join(got[0].Dir, "bin", "java"), filepath.Join(got[0].Dir, "bin", "keytool")
	lein, clojure := filepath.Join(got[1].Dir, "lib", "*"), filepath.Join(got[2].Dir, "lib", "*")
	const load = `(require 'clojure.tools.deps) (println "tools.deps is loaded")`
	for want, args := range map[string][]string{
		"version \"17.":          {java, "-version"},
		"Your keystore contains": {keytool, "-list", "-cacerts", "-storepass", "changeit"},
		"Leiningen 2.":           {java, "-cp", lein, "clojure.main", "-m", "leiningen.core.main", "version"},
		"tools.deps is loaded":   {java, "-cp", clojure, "clojure.main", "-e", load},
	} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LEIN_HOME=" + t.TempDir(), "LEIN_VERSION=" + got[1].Version}
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s prints %.300s, %v; want %q", strings.Join(args, " "), out, err, want)
		}
	}
}
