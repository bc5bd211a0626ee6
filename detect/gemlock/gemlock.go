// Package gemlock parses Gemfile.lock (or gems.locked), the lock file that Bundler writes. [Parse]
// returns a [Lock]:
//
//	lock, err := gemlock.Parse(content)
//	version, ok := lock.Gem("rails") // "8.0.1", true
//
// The file consists of sections. A section is a heading in capitals and indented lines; sources of
// gems list them under specs:, with their dependencies indented further:
//
//	GEM
//	  remote: https://gems.example.com/
//	  specs:
//	    rack (3.1.0)
//	    rails (8.0.1)
//	      rack (>= 2.2.4)
//
//	DEPENDENCIES
//	  rails (~> 8.0)
//
//	RUBY VERSION
//	   ruby 3.3.9p170
//
// Known are GEM, GIT, PATH, PLUGIN SOURCE, PLATFORMS, DEPENDENCIES, CHECKSUMS, RUBY VERSION and
// BUNDLED WITH; other sections are skipped. Line ends may be CRLF. The package does not read a
// Gemfile, which is a Ruby program.
package gemlock

import (
	"fmt"
	"strings"

	"slugc/detect/lazyregexp"
)

// Lock is the content of a lock file, in its order.
type Lock struct {
	Sources      []Source
	Platforms    []string     // "ruby", "x86_64-linux"
	Dependencies []Dependency // of the Gemfile
	Checksums    []Checksum
	Ruby         Ruby   // zero if there is no RUBY VERSION
	BundledWith  string // "2.5.23"; "" if there is no BUNDLED WITH
}

// Source is a place that gems come from.
type Source struct {
	Kind    string            // "GEM", "GIT", "PATH" or "PLUGIN SOURCE"
	Remotes []string          // URLs; a directory for PATH
	Options map[string]string // revision, branch, tag, ref, glob, submodules, type …; nil if there are none
	Specs   []Spec
}

// Spec is one locked gem.
type Spec struct {
	Name         string
	Version      string // "1.15.0", "8.0.0.rc1"
	Platform     string // "x86_64-linux"; "" for pure Ruby
	Dependencies []Dependency
}

// Dependency is a gem's name and the versions of it that are accepted.
type Dependency struct {
	Name        string
	Requirement string // as RubyGems writes it, "~> 7.0, >= 7.0.4"; "" for any
	Pinned      bool   // to a GIT or PATH source ("name!")
}

// Checksum is one line of CHECKSUMS.
type Checksum struct {
	Spec
	Digests []string // "sha256=<hex>"; empty if Bundler did not know any
}

// Ruby is a RUBY VERSION section.
type Ruby struct {
	Version       string // "3.3.9", "3.4.0.rc1"; without patch level
	Engine        string // "jruby", "truffleruby"; "" for MRI
	EngineVersion string // "9.4.2.0"
}

// SyntaxError reports a line that can't be parsed.
type SyntaxError struct {
	Line  int // from 1
	Cause string
}

// Error returns the line and the cause.
func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Cause) }

// Gem returns the locked version of a gem, from any source; ok is false if it is not locked.
func (l *Lock) Gem(name string) (version string, ok bool) {
	for _, source := range l.Sources {
		for _, spec := range source.Specs {
			if spec.Name == name {
				return spec.Version, true
			}
		}
	}
	return "", false
}

var (
	heading = lazyregexp.New(`^[A-Z][A-Z ]*$`)
	option  = lazyregexp.New(`^([a-z_]+):(?: (.*))?$`)
	gem     = lazyregexp.New(`^([^\s()!]+)(?: \(([^()]*)\))?(!)?(?: (\S.*))?$`)
	release = lazyregexp.New(`^ruby (\d+\.\d+\.\d+)(?:p-?\d+)?(?: \((\w+) ([0-9A-Za-z.-]+)\))?$`)
	preview = lazyregexp.New(`^ruby (\d+\.\d+\.\d+)[.-]?((?:preview|rc|dev|alpha|beta)\d*)(?:p-?\d+)?` +
		`(?: \((\w+) ([0-9A-Za-z.-]+)\))?$`)
	bundled  = lazyregexp.New(`^\d+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z.]+)?$`)
	conflict = lazyregexp.New(`^(?:<<<<<<<|=======|>>>>>>>|\|\|\|\|\|\|\|)`)
)

// parser parses line by line.
type parser struct {
	lock    *Lock
	section string
	inSpecs bool
}

// Parse parses a lock file. Its error is a [*SyntaxError].
func Parse(b []byte) (*Lock, error) {
	p := parser{lock: &Lock{}}
	n := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(string(b), "\ufeff"), "\n") {
		n++
		line = strings.TrimRight(line, " \t\r")
		if line == "" {
			continue
		}
		if cause := p.line(line); cause != "" {
			return nil, &SyntaxError{Line: n, Cause: cause}
		}
	}
	return p.lock, nil
}

// line parses one line; it returns why that failed, else "".
func (p *parser) line(line string) string {
	if conflict.MatchString(line) {
		return "a merge conflict is left in the file"
	}
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text)
	if indent == 0 {
		if !heading.MatchString(line) {
			return fmt.Sprintf("%q is not a section", shorten(line))
		}
		p.section, p.inSpecs = line, false
		switch line {
		case "GEM", "GIT", "PATH", "PLUGIN SOURCE":
			p.lock.Sources = append(p.lock.Sources, Source{Kind: line})
		}
		return ""
	}
	switch p.section {
	case "":
		return "text before the first section"
	case "GEM", "GIT", "PATH", "PLUGIN SOURCE":
		return p.source(&p.lock.Sources[len(p.lock.Sources)-1], indent, text)
	case "PLATFORMS":
		p.lock.Platforms = append(p.lock.Platforms, text)
	case "DEPENDENCIES":
		d, ok := dependency(text)
		if !ok {
			return fmt.Sprintf("%q is not a dependency", shorten(text))
		}
		p.lock.Dependencies = append(p.lock.Dependencies, d)
	case "CHECKSUMS":
		return p.checksum(text)
	case "RUBY VERSION":
		return p.ruby(text)
	case "BUNDLED WITH":
		if !bundled.MatchString(text) {
			return fmt.Sprintf("%q is not a Bundler version", shorten(text))
		}
		p.lock.BundledWith = text
	}
	return ""
}

func (p *parser) source(s *Source, indent int, text string) string {
	if !p.inSpecs || indent < 4 {
		m := option.FindStringSubmatch(text)
		if m == nil {
			return fmt.Sprintf("%q is not an option of %s", shorten(text), s.Kind)
		}
		switch p.inSpecs = m[1] == "specs"; {
		case p.inSpecs:
		case m[1] == "remote":
			s.Remotes = append(s.Remotes, m[2])
		case s.Options == nil:
			s.Options = map[string]string{m[1]: m[2]}
		default:
			s.Options[m[1]] = m[2]
		}
		return ""
	}
	if indent >= 6 {
		d, ok := dependency(text)
		if !ok || len(s.Specs) == 0 {
			return fmt.Sprintf("%q is not a dependency of a gem", shorten(text))
		}
		last := &s.Specs[len(s.Specs)-1]
		last.Dependencies = append(last.Dependencies, d)
		return ""
	}
	spec, ok := locked(text)
	if !ok {
		return fmt.Sprintf("%q is not a gem with its version", shorten(text))
	}
	s.Specs = append(s.Specs, spec)
	return ""
}

func (p *parser) checksum(text string) string {
	m := gem.FindStringSubmatch(text)
	if m == nil {
		return fmt.Sprintf("%q is not a checksum", shorten(text))
	}
	spec, ok := locked(strings.TrimSuffix(text, " "+m[4]))
	if !ok {
		return fmt.Sprintf("%q is not a checksum", shorten(text))
	}
	c := Checksum{Spec: spec}
	for digest := range strings.SplitSeq(m[4], ",") {
		if digest = strings.TrimSpace(digest); digest != "" {
			c.Digests = append(c.Digests, digest)
		}
	}
	p.lock.Checksums = append(p.lock.Checksums, c)
	return ""
}

func (p *parser) ruby(text string) string {
	if m := release.FindStringSubmatch(text); m != nil {
		p.lock.Ruby = Ruby{Version: m[1], Engine: m[2], EngineVersion: m[3]}
		return ""
	}
	if m := preview.FindStringSubmatch(text); m != nil {
		p.lock.Ruby = Ruby{Version: m[1] + "." + m[2], Engine: m[3], EngineVersion: m[4]}
		return ""
	}
	return fmt.Sprintf("%q is not a Ruby version", shorten(text))
}

func dependency(text string) (Dependency, bool) {
	m := gem.FindStringSubmatch(text)
	if m == nil || m[4] != "" {
		return Dependency{}, false
	}
	return Dependency{Name: m[1], Requirement: m[2], Pinned: m[3] != ""}, true
}

// locked parses `name (version)` or `name (version-platform)`.
func locked(text string) (Spec, bool) {
	m := gem.FindStringSubmatch(text)
	if m == nil || m[2] == "" || m[4] != "" {
		return Spec{}, false
	}
	version, platform, _ := strings.Cut(m[2], "-")
	return Spec{Name: m[1], Version: version, Platform: platform}, version != ""
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
