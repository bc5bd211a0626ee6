package slugctest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"slugc/cache/testkit"
)

// machine is what tests need of the machine they run on.
type machine struct {
	binary     string   // path of the slugc under test
	toolchains string   // toolchain store that tests share
	settings   []string // where this machine gets packages from, K=V
}

var ready = sync.OnceValues(func() (machine, error) {
	binary, err := testkit.BuildProgram("slugc/cmd/slugc")
	if err != nil {
		return machine{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return machine{}, err
	}
	toolchains := filepath.Join(cache, "slugc-test", "home-toolchains")
	if err := os.MkdirAll(toolchains, 0o755); err != nil {
		return machine{}, err
	}
	settings, err := machineSettings(binary)
	return machine{binary, toolchains, settings}, err
})

func this(t testing.TB) machine {
	t.Helper()
	testkit.NeedsTools(t, "npm", "bubblewrap")
	m, err := ready()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Binary returns the path of the slugc under test.
func Binary(t testing.TB) string {
	t.Helper()
	return this(t).binary
}

// Toolchains returns the toolchain store that tests share.
func Toolchains(t testing.TB) string {
	t.Helper()
	return this(t).toolchains
}

// Settings are the environment variables that a slugc under test gets besides its state directory:
// a PATH that starts with its own directory, no budget for what is kept, and where this machine gets packages from.
func Settings(t testing.TB) []string {
	t.Helper()
	return this(t).settings
}

// Home returns an empty state directory that shares only the toolchain store.
func Home(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	LinkToolchains(t, dir)
	// The directory is HOME too. Without this the go command leaves a process behind that writes its
	// telemetry there while the test's directory is being removed.
	testkit.Write(t, filepath.Join(dir, ".config", "go", "telemetry", "mode"), "off 2020-01-01")
	return dir
}

// LinkToolchains makes a state directory use the toolchain store that tests share.
func LinkToolchains(t testing.TB, home string) {
	t.Helper()
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(Toolchains(t), filepath.Join(home, "toolchains")); err != nil {
		t.Fatal(err)
	}
}

// VerifyCache requires that nothing in a state directory is damaged. It leaves out the toolchains, which are
// those of other tests too and take long to read.
func VerifyCache(t testing.TB, home string) {
	t.Helper()
	if err := os.Remove(filepath.Join(home, "toolchains")); err != nil {
		t.Fatal(err)
	}
	if o := Run(t, home, "cache", "verify"); o.Exit != 0 {
		t.Errorf("the cache is damaged: %s", o.Stderr)
	}
	if err := os.RemoveAll(filepath.Join(home, "toolchains")); err != nil {
		t.Fatal(err)
	}
	LinkToolchains(t, home)
}

// passed matches the variables that slugc needs to reach the network: proxies and certificates.
var passed = regexp.MustCompile(`(?i)^(?:(?:https?|no|all)_proxy|ssl_cert_(?:file|dir)|` +
	`node_extra_ca_certs|curl_ca_bundle|git_ssl_cainfo|npm_config_cafile)=.`)

// machineSettings asks npm and go where packages come from, so that a slugc with a HOME of its own
// reaches the same places.
func machineSettings(binary string) ([]string, error) {
	list := []string{
		"PATH=" + filepath.Dir(binary) + ":" + os.Getenv("PATH"),
		"SLUGC_CACHE_SIZE=0", "SLUGC_CACHE_AGE=0", // the toolchains are those of other tests too
	}
	for _, variable := range os.Environ() {
		if passed.MatchString(variable) {
			list = append(list, variable)
		}
	}
	for name, command := range map[string][]string{
		"SLUGC_NPM_REGISTRY": {"npm", "config", "get", "registry"},
		"GOPROXY":            {"go", "env", "GOPROXY"},
		"GOSUMDB":            {"go", "env", "GOSUMDB"},
		"GONOSUMDB":          {"go", "env", "GONOSUMDB"},
	} {
		out, err := exec.Command(command[0], command[1:]...).Output()
		if err != nil {
			return nil, fmt.Errorf("asking %s for %s: %w", command[0], name, err)
		}
		if value := strings.TrimSpace(string(out)); value != "" {
			list = append(list, name+"="+value)
		}
	}
	return list, nil
}
