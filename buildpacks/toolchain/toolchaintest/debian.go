package toolchaintest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"slugc/buildpacks/toolchain"
)

// Debian is a directory of programs that answer as Debian's do. Its package sources have ruby3.3
// and ruby3.1.
type Debian struct {
	Bin string
	t   testing.TB
}

const scriptHead = `#!/bin/sh
set -e
cd "$(dirname "$0")"; home=$PWD; cd "$OLDPWD"
echo "$(basename "$0") $*" >>"$home/calls"
`

var debianPrograms = map[string]string{
	"apt-get": `[ "$1" = -c ] && grep -q 'APT::Get::AllowUnauthenticated "false"' "$2" && shift 2
if [ -s "$home/fail" ]; then cat "$home/fail" >&2; exit 100; fi
case "$*" in
*update) ;;
*--simulate*)
	echo 'Inst libc6 (2.36 Debian:12 [amd64])'
	echo 'Inst libyaml-0-2 (0.2.5-1 Debian:12 [amd64])'
	echo 'Inst libgmp-dev (6 Debian:12 [amd64])'
	echo 'Inst zlib1g (1:1.2 Debian:12 [amd64])'
	echo 'Inst libruby3.3 (3.3.8-2 Debian:13 [amd64])' ;;
*download*) shift 2; for p in "$@"; do echo "$p" >"$(echo "$p" | tr = _)_amd64.deb"; done ;;
esac
`,
	"apt-cache": `shift 2
case "$1" in
pkgnames) printf 'ruby\nruby3.3\nruby3.1\nruby-rack\nruby3.1-dev\n' ;;
madison)
	echo '   ruby3.1 | 3.1.9+really3.1.7-0+deb12u3 | http://x bookworm-security/main amd64 Packages'
	echo '   ruby3.1 | 3.1.7-1~deb12u2 | http://x bookworm-security/main amd64 Packages'
	echo '   ruby3.1 | 3.1.7-1~deb12u1 | http://x bookworm/main amd64 Packages'
	echo '   ruby3.1 | 3.1.2-7+deb12u1 | http://x bookworm/main Sources'
	echo '   ruby3.3 | 1:3.3.8-2 | http://x trixie/main amd64 Packages' ;;
esac
`,
	"dpkg-deb": `p=$(cat "$2"); mkdir -p "$3/usr/bin" "$3/usr/lib/x86_64-linux-gnu" "$3/usr/share/doc"
case "$p" in
ruby3.?=*)
	v=${p%%=*}
	printf '#!/bin/sh\necho fake\n' >"$3/usr/bin/$v"
	printf '#!/usr/bin/ruby\n' >"$3/usr/bin/gem${v#ruby}"
	chmod 755 "$3/usr/bin/$v" "$3/usr/bin/gem${v#ruby}" ;;
esac
`,
}

// NewDebian makes the programs.
func NewDebian(t testing.TB) *Debian {
	t.Helper()
	d := &Debian{t.TempDir(), t}
	for name, script := range debianPrograms {
		if err := os.WriteFile(filepath.Join(d.Bin, name), []byte(scriptHead+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// Fail makes apt-get print a text and fail.
func (d *Debian) Fail(prints string) {
	if err := os.WriteFile(filepath.Join(d.Bin, "fail"), []byte(prints), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// Calls are the calls of the programs, one on each line.
func (d *Debian) Calls() string {
	calls, err := os.ReadFile(filepath.Join(d.Bin, "calls"))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(calls)
}

// Use points settings at the programs. Debian's packages are only for the machine's own platform.
func (d *Debian) Use(s *toolchain.Settings) {
	s.Debian, s.Arch = toolchain.Debian{Bin: d.Bin}, runtime.GOARCH
}
