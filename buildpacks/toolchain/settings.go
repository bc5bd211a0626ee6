package toolchain

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/golang"
)

// Settings configures where toolchains come from and for which machine. The caller sets every
// field: nothing is read from the environment here. A base address may be an https, http or file
// URL; https is never left for http by a redirect.
type Settings struct {
	NodeDist string // base of a nodejs.org-layout distribution; "" is the authors' own, "off" disables the source
	GoDist   string // base of a go.dev/dl-layout distribution, likewise

	// NpmRegistry returns the base address of the npm registry. It is asked at most once, and only
	// when a source needs it. Nil disables the source.
	NpmRegistry func(context.Context) (string, error)
	// NpmTokens are bearer tokens by the part of the address they belong to, as in an .npmrc:
	// "//host/path/".
	NpmTokens map[string]string

	// GoProxy, GoSumDB and GoNoSumDB are as `go env` prints GOPROXY, GOSUMDB and GONOSUMDB; see
	// [golang.Settings].
	GoProxy, GoSumDB, GoNoSumDB string
	LocalGo                     LocalGo

	// RubyMirror is the base of a mirror of prebuilt relocatable Rubies; "" or "off" disables the
	// source. It holds SHA256SUMS, lines of sha256sum(1), and the tarballs it names:
	// ruby-‹version›[-linux][-‹processor›][-‹distribution›].tar.gz, .tgz, .tar.xz or .tar.zst, also
	// in sub-directories.
	RubyMirror string
	LocalRuby  string // path of a Ruby on the machine, the last resort; "" for none
	Debian     Debian

	// JDKMirror is the base of a JDK distribution in the layout of Adoptium's API; "" is Adoptium's
	// own, "off" disables the source.
	JDKMirror string
	LocalJDK  []string // paths of JDKs on the machine, or of directories of JDKs, the best first

	// LeinMirror is the base of Leiningen's jars with a SHA256SUMS; "" is the authors' own, "off"
	// disables the source.
	LeinMirror    string
	ClojureMirror string // base of the Clojure tools' tarballs with a SHA256SUMS, likewise

	Client *http.Client  // carries proxies and certificate authorities; nil is a client of its own with the defaults
	OS     string        // Go's name of the target system: "linux"; "" is this machine's
	Arch   string        // Go's name of the target processor: "amd64", "arm64"; "" is this machine's
	Stall  time.Duration // how long a server may send nothing before a request fails; 0 is 30 s
	Retry  time.Duration // the pause before the second try of a request; 0 is 300 ms

	Offline   bool             // use no network, only what is in the store
	Fresh     bool             // ask the sources again, whatever was chosen or listed within the last day
	AllowWide bool             // let an open Node range such as ">=18" choose a release newer than the newest LTS line
	Now       func() time.Time // the clock; nil is [time.Now]
}

// Debian configures how packages of the machine's Debian are fetched. The zero value disables the
// source.
type Debian = apt.Settings

// LocalGo is a Go that is already on the machine: the last resort. The zero value is none.
type LocalGo = golang.Local

func (s *Settings) setDefaults() {
	if s.OS == "" {
		s.OS = runtime.GOOS
	}
	if s.Arch == "" {
		s.Arch = runtime.GOARCH
	}
	if s.Now == nil {
		s.Now = time.Now
	}
}
