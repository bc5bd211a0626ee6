package toolchain

import (
	"context"
	"net/http"
	"runtime"
	"time"
)

// Default bases of the distributions that a setting left empty stands for.
const (
	DefaultNodeDist = "https://nodejs.org/dist"
	DefaultGoDist   = "https://go.dev/dl"
	DefaultJDK      = "https://api.adoptium.net"
	off             = "off"
)

// Settings says where toolchains come from and for which machine. Every field is given by the
// caller: nothing is read from the environment here. A base may be an https, http or file URL;
// https is never left for http by a redirect.
type Settings struct {
	NodeDist string // base of a nodejs.org-layout distribution; "" is [DefaultNodeDist], "off" disables the source
	GoDist   string // base of a go.dev/dl-layout distribution; "" is [DefaultGoDist], "off" disables the source

	// NpmRegistry gives the base URL of the npm registry. It is asked at most once, and only when a
	// source needs it. Nil disables the source.
	NpmRegistry func(context.Context) (string, error)
	// NpmTokens are bearer tokens by the part of the address they belong to, as in an .npmrc:
	// "//host/path/".
	NpmTokens map[string]string

	// as `go env GOPROXY` gives it: bases, "direct" and "off", separated by "," or "|"; "" disables
	// the source
	GoProxy string
	// as `go env GOSUMDB` gives it: "name", "name+hash+key", either followed by " url"; "off"
	// trusts the proxy
	GoSumDB   string
	GoNoSumDB string // as `go env GONOSUMDB` gives it: patterns of modules that are not looked up
	LocalGo   LocalGo

	// RubyMirror is the base of a mirror of prebuilt relocatable Rubies; "" or "off" disables the
	// source. It holds SHA256SUMS, lines of sha256sum(1), and the tarballs it names:
	// ruby-‹version›[-linux][-‹processor›][-‹distribution›].tar.gz, .tgz, .tar.xz or .tar.zst, also
	// in sub-directories.
	RubyMirror string
	Debian     Debian // Debian's packages; the zero value disables the source
	LocalRuby  string // path of a Ruby on the machine, the last resort; "" says that there is none

	// base of a JDK distribution in the layout of Adoptium's API (see adoptium); "" is
	// [DefaultJDK], "off" disables the source
	JDKMirror string
	LocalJDK  []string // paths of JDKs on the machine, or of directories of JDKs, the best first
	// base of Leiningen's jars with a SHA256SUMS (see jarDist); "" is the authors' own, "off"
	// disables the source
	LeinMirror string
	// base of the Clojure tools' tarballs with a SHA256SUMS (see jarDist); "" is the authors' own,
	// "off" disables the source
	ClojureMirror string

	Client *http.Client  // carries proxies and certificate authorities; nil is a client of its own with the defaults
	OS     string        // Go's name of the target system: "linux"; "" is this machine's
	Arch   string        // Go's name of the target processor: "amd64", "arm64"; "" is this machine's
	Stall  time.Duration // how long a server may say nothing before it is given up; 0 is 30 s

	Offline   bool             // touch no network: what lies in the store must serve
	Fresh     bool             // ask the sources again, whatever was chosen or listed within the last day
	AllowWide bool             // let an open Node range such as ">=18" choose a release newer than the newest LTS line
	Now       func() time.Time // the clock; nil is [time.Now]
}

// LocalGo is a Go that is already on the machine: the last resort. The zero value says that there
// is none.
type LocalGo struct {
	Root    string // GOROOT
	Version string // "1.26.5", with or without the "go" prefix
}

// Progress hears what [Store.Ensure] is about. Calls come from several goroutines at once.
type Progress interface {
	// Fetch says that done of total bytes of a tool have arrived. total is 0 while it is unknown.
	Fetch(tool, version string, done, total int64)
	// Note is one line for people: a source that refused, a range that was capped.
	Note(line string)
}

type silent struct{}

func (silent) Fetch(string, string, int64, int64) {}
func (silent) Note(string)                        {}

func (s *Settings) fill() {
	def := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	def(&s.NodeDist, DefaultNodeDist)
	def(&s.GoDist, DefaultGoDist)
	def(&s.JDKMirror, DefaultJDK)
	def(&s.OS, runtime.GOOS)
	def(&s.Arch, runtime.GOARCH)
	if s.Client == nil {
		s.Client = &http.Client{}
	}
	if s.Stall <= 0 {
		s.Stall = 30 * time.Second
	}
	if s.Now == nil {
		s.Now = time.Now
	}
}
