package ruby_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/toolchaintest"
)

// fakeDebian makes programs that answer as Debian's do, from a directory of their own: "fail" in it
// makes apt-get fail with its content, and every call is a line of "calls".
func fakeDebian(t *testing.T) (bin string) {
	t.Helper()
	bin = t.TempDir()
	const head = "#!/bin/sh\nset -e\ncd \"$(dirname \"$0\")\"; home=$PWD; cd \"$OLDPWD\"\necho \"$(basename \"$0\") $*\" >>\"$home/calls\"\n"
	for name, script := range map[string]string{
		"apt-get": `[ "$1" = -c ] && grep -q 'APT::Get::AllowUnauthenticated "false"' "$2" && shift 2
if [ -s "$home/fail" ]; then cat "$home/fail" >&2; exit 100; fi
case "$*" in
*update) ;;
*--simulate*) printf 'Inst libc6 (2.36 Debian:12 [amd64])\nInst libyaml-0-2 (0.2.5-1 Debian:12 [amd64])\nInst libgmp-dev (6 Debian:12 [amd64])\nInst zlib1g (1:1.2 Debian:12 [amd64])\nInst libruby3.3 (3.3.8-2 Debian:13 [amd64])\n' ;;
*download*) shift 2; for p in "$@"; do echo "$p" >"$(echo "$p" | tr = _)_amd64.deb"; done ;;
esac
`,
		"apt-cache": `shift 2
case "$1" in
pkgnames) printf 'ruby\nruby3.3\nruby3.1\nruby-rack\nruby3.1-dev\n' ;;
madison) printf '   ruby3.1 | 3.1.9+really3.1.7-0+deb12u3 | http://x bookworm-security/main amd64 Packages\n   ruby3.1 | 3.1.7-1~deb12u2 | http://x bookworm-security/main amd64 Packages\n   ruby3.1 | 3.1.7-1~deb12u1 | http://x bookworm/main amd64 Packages\n   ruby3.1 | 3.1.2-7+deb12u1 | http://x bookworm/main Sources\n   ruby3.3 | 1:3.3.8-2 | http://x trixie/main amd64 Packages\n' ;;
esac
`,
		"dpkg-deb": `p=$(cat "$2"); mkdir -p "$3/usr/bin" "$3/usr/lib/x86_64-linux-gnu" "$3/usr/share/doc"
case "$p" in
ruby3.?=*) v=${p%%=*}; printf '#!/bin/sh\necho fake\n' >"$3/usr/bin/$v"; chmod 755 "$3/usr/bin/$v"; printf '#!/usr/bin/ruby\n' >"$3/usr/bin/gem${v#ruby}"; chmod 755 "$3/usr/bin/gem${v#ruby}" ;;
esac
`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(head+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

func TestDebianRuby(t *testing.T) {
	bin, srv := fakeDebian(t), toolchaintest.NewServer(t)
	store := t.TempDir()
	open := func() *toolchain.Store {
		return srv.Open(
			store,
			func(s *toolchain.Settings) { s.Debian, s.Arch = toolchain.Debian{Bin: bin}, runtime.GOARCH },
		)
	}
	ask := func(constraint string) (toolchain.Toolchain, error) {
		got, err := open().Ensure(t.Context(), []toolchain.Request{{Tool: "ruby", Constraint: constraint}}, nil)
		if err != nil {
			return toolchain.Toolchain{}, err
		}
		return got[0], nil
	}
	got, err := ask("~> 3.1")
	if err != nil || got.Version != "3.3.8" || got.Source != "Debian packages" ||
		!strings.HasPrefix(got.Digest, "sha256:") {
		t.Fatalf("%+v, %v", got, err)
	}
	if link, err := os.Readlink(filepath.Join(got.Dir, "bin", "ruby3.3")); err != nil || link != "ruby" {
		t.Errorf("bin/ruby3.3 leads to %q, %v", link, err)
	}
	if gem, err := os.ReadFile(filepath.Join(got.Dir, "bin", "gem")); err != nil ||
		string(gem) != "#!/usr/bin/env ruby\n" {
		t.Errorf("bin/gem is %q, %v", gem, err)
	}
	if _, err := os.Stat(filepath.Join(got.Dir, "lib/ruby/3.3.0/rubygems/defaults/operating_system.rb")); err != nil {
		t.Error(err)
	}
	calls, err := os.ReadFile(filepath.Join(bin, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	want := "download ruby3.3=1:3.3.8-2 libruby3.3=1:3.3.8-2 ruby3.3-dev=1:3.3.8-2 libyaml-0-2=0.2.5-1 zlib1g=1:1.2\n"
	if !strings.Contains(string(calls), want) {
		t.Errorf("calls:\n%s\nwant %s", calls, want)
	}
	if got, err = ask("~> 3.1.0"); err != nil || got.Version != "3.1.7" {
		t.Errorf("%+v, %v", got, err)
	}
	if calls, _ = os.ReadFile(filepath.Join(bin, "calls")); strings.Count(string(calls), " update\n") != 1 ||
		!strings.Contains(string(calls), "ruby3.1=3.1.9+really3.1.7-0+deb12u3 ") {
		t.Errorf("the lists are fetched more than once a day, or another revision than the newest:\n%s", calls)
	}
	if _, err = ask("3.1.2"); err == nil ||
		!strings.Contains(err.Error(), "Debian packages: no version matches (it has 3.3.8, 3.1.7)") {
		t.Errorf("a version whose package is a source: %v", err)
	}
}

func TestDebianFaults(t *testing.T) {
	for _, test := range []struct {
		says, want string
		transient  bool
	}{
		{"W: x\nE: Failed to fetch http://x/InRelease  Temporary failure resolving 'x'\nE: more\n", "running apt-get: Failed to fetch http://x/InRelease  Temporary failure resolving 'x'", true},
		{"E: The repository 'http://x bookworm InRelease' is not signed.\n", "running apt-get: The repository 'http://x bookworm InRelease' is not signed.", false},
		{"?\n", "running apt-get: it failed", false},
	} {
		bin, srv := fakeDebian(t), toolchaintest.NewServer(t)
		if err := os.WriteFile(filepath.Join(bin, "fail"), []byte(test.says), 0o644); err != nil {
			t.Fatal(err)
		}
		st := srv.Open(
			t.TempDir(),
			func(s *toolchain.Settings) { s.Debian, s.Arch = toolchain.Debian{Bin: bin}, runtime.GOARCH },
		)
		_, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: "ruby"}}, nil)
		if none, ok := errors.AsType[*toolchain.Unavailable](err); !ok ||
			none.Error() != "finding ruby: Debian packages: "+test.want ||
			none.Transient() != test.transient {
			t.Errorf("%q gives %v, want %q", test.says, err, test.want)
		}
	}
	srv := toolchaintest.NewServer(t)
	st := srv.Open(t.TempDir(), func(s *toolchain.Settings) { s.Debian = toolchain.Debian{Bin: t.TempDir()} })
	if _, err := st.Ensure(t.Context(), []toolchain.Request{{Tool: "ruby"}}, nil); err == nil ||
		err.Error() != "finding ruby: no source is configured" {
		t.Errorf("without apt: %v", err)
	}
}
