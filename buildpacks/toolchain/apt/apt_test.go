package apt_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/toolchaintest"
	"slugc/cache/testkit"
	"slugc/detect/lazyregexp"
)

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		prints, want string
		transient    bool
	}{
		{
			"W: x\nE: Failed to fetch http://x/InRelease  Temporary failure resolving 'x'\nE: more\n",
			"running apt-get: Failed to fetch http://x/InRelease  Temporary failure resolving 'x'", true,
		},
		{
			"E: The repository 'http://x bookworm InRelease' is not signed.\n",
			"running apt-get: The repository 'http://x bookworm InRelease' is not signed.", false,
		},
		{"?\n", "running apt-get: it failed", false},
	} {
		debian, srv := toolchaintest.NewDebian(t), toolchaintest.NewServer(t)
		debian.Fail(c.prints)
		st := srv.Open(t.TempDir(), debian.Use)
		err := toolchaintest.Fails(t, st, "ruby", "", c.want)
		if want := "finding ruby (test): Debian packages: " + c.want; err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
		if toolchaintest.IsTransient(err) != c.transient {
			t.Errorf("%q is transient: %v", err, !c.transient)
		}
		for _, s := range st.CheckSources(t.Context()) {
			if s.Name == "Debian packages" && (s.Off || s.Err == nil || s.Err.Error() != c.want) {
				t.Errorf("checked: %+v, want %q", s, c.want)
			}
		}
	}
}

// TestParsedLists: apt parses its lists again when its status file is newer than what it has parsed, so that file must
// stay as it was, and apt must be told where to keep what it has parsed, whatever the machine's configuration says.
func TestParsedLists(t *testing.T) {
	t.Parallel()
	debian, srv, dir := toolchaintest.NewDebian(t), toolchaintest.NewServer(t), t.TempDir()
	toolchaintest.Get(t, srv.Open(dir, debian.Use), "ruby", "~> 3.1")
	status, before := filepath.Join(dir, ".apt", "state", "status"), time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(status, before, before); err != nil {
		t.Fatal(err)
	}
	toolchaintest.Get(t, srv.Open(dir, debian.Use), "ruby", "~> 3.1.0")
	if info, err := os.Stat(status); err != nil || !info.ModTime().Equal(before) {
		t.Errorf("the status file is written again: %v, %v", info, err)
	}
	conf := testkit.Read(t, filepath.Join(dir, ".apt", "apt.conf"))
	if !strings.Contains(conf, "\nDir::Cache::pkgcache \"pkgcache.bin\";\n") {
		t.Errorf("apt keeps no parsed lists:\n%s", conf)
	}
}

func TestWithoutPrograms(t *testing.T) {
	t.Parallel()
	srv, bin := toolchaintest.NewServer(t), t.TempDir()
	st := srv.Open(t.TempDir(), func(s *toolchain.Settings) { s.Debian = toolchain.Debian{Bin: bin} })
	toolchaintest.Fails(t, st, "ruby", "", "finding ruby (test): no source is configured")
}

func TestUpstream(t *testing.T) {
	t.Parallel()
	read := apt.Upstream(lazyregexp.New(`^(\d+\.\d+\.\d+)[-+~]`))
	for debian, want := range map[string]string{
		"3.1.7-1~deb12u2": "3.1.7", "3.1.9+really3.1.7-0+deb12u3": "3.1.7", "2.9.10+dfsg-1": "2.9.10",
		"3.1": "", "": "",
	} {
		if got := read(debian); got != want {
			t.Errorf("%q is %q, want %q", debian, got, want)
		}
	}
}
