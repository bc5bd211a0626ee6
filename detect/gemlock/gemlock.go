// Package gemlock reads Gemfile.lock (and gems.locked): the file Bundler writes. It knows the
// sections GEM, GIT, PATH, PLUGIN SOURCE, PLATFORMS, DEPENDENCIES, CHECKSUMS, RUBY VERSION and
// BUNDLED WITH, skips sections of later Bundlers, and minds neither CRLF, nor a byte order mark,
// nor an indentation of two or three blanks under the last two. It reads data only: a Gemfile,
// which is a Ruby program, is never evaluated.
package gemlock

import (
	"fmt"
	"strings"

	"slugc/detect/lazyregexp"
)

// Lock is a lock file's content, in the file's order.
type Lock struct {
	Sources      []Source
	Platforms    []string     // "ruby", "x86_64-linux"
	Dependencies []Dependency // what the Gemfile asks for
	Checksums    []Checksum
	Ruby         Ruby   // zero where the file has no RUBY VERSION
	BundledWith  string // "2.5.23"; "" where unsaid
}

// Source is where gems come from.
type Source struct {
	Kind    string            // "GEM", "GIT", "PATH" or "PLUGIN SOURCE"
	Remotes []string          // URLs; a directory for PATH
	Options map[string]string // revision, branch, tag, ref, glob, submodules, type …; nil where there are none
	Specs   []Spec
}

// Spec is one locked gem.
type Spec struct {
	Name         string
	Version      string // "1.15.0", "8.0.0.rc1"
	Platform     string // "x86_64-linux"; "" for pure Ruby
	Dependencies []Dependency
}

// Dependency is a gem's name and the requirement on it.
type Dependency struct {
	Name        string
	Requirement string // RubyGems', "~> 7.0, >= 7.0.4"; "" for any
	Pinned      bool   // it is pinned to a GIT or PATH source ("name!")
}

// Checksum is one line of CHECKSUMS.
type Checksum struct {
	Spec
	Digests []string // "sha256=<hex>"; none where Bundler did not know it
}

// Ruby is a RUBY VERSION section.
type Ruby struct {
	Version       string // "3.3.9", "3.4.0.rc1"; without patch level
	Engine        string // "jruby", "truffleruby"; "" for MRI
	EngineVersion string // "9.4.2.0"
}

// SyntaxError says at which line (from 1) a lock file can't be read.
type SyntaxError struct {
	Line  int
	Cause string
}

// Error gives line and cause.
func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Cause) }

// Gem gives the locked version of a gem, from whichever source.
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
	heading  = lazyregexp.New(`^[A-Z][A-Z ]*$`)
	option   = lazyregexp.New(`^([a-z_]+):(?: (.*))?$`)
	gem      = lazyregexp.New(`^([^\s()!]+)(?: \(([^()]*)\))?(!)?(?: (\S.*))?$`)
	release  = lazyregexp.New(`^ruby (\d+\.\d+\.\d+)(?:p-?\d+)?(?: \((\w+) ([0-9A-Za-z.-]+)\))?$`)
	preview  = lazyregexp.New(`^ruby (\d+\.\d+\.\d+)[.-]?((?:preview|rc|dev|alpha|beta)\d*)(?:p-?\d+)?(?: \((\w+) ([0-9A-Za-z.-]+)\))?$`)
	bundled  = lazyregexp.New(`^\d+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z.]+)?$`)
	conflict = lazyregexp.New(`^(?:<<<<<<<|=======|>>>>>>>|\|\|\|\|\|\|\|)`)
)

// parser reads line by line.
type parser struct {
	lock    *Lock
	section string
	inSpecs bool
}

// Parse reads a lock file. An error is a [*SyntaxError].
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

// line gives the cause why a line can't be read, "" where it can.
func (p *parser) line(line string) string {
	if conflict.MatchString(line) {
		return "a merge conflict is left in the file"
	}
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text)
	if indent == 0 {
		if !heading.MatchString(line) {
			return fmt.Sprintf("%q is no section", shorten(line))
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
			return fmt.Sprintf("%q is no dependency", shorten(text))
		}
		p.lock.Dependencies = append(p.lock.Dependencies, d)
	case "CHECKSUMS":
		return p.checksum(text)
	case "RUBY VERSION":
		return p.ruby(text)
	case "BUNDLED WITH":
		if !bundled.MatchString(text) {
			return fmt.Sprintf("%q is no Bundler version", shorten(text))
		}
		p.lock.BundledWith = text
	}
	return ""
}

func (p *parser) source(s *Source, indent int, text string) string {
	if !p.inSpecs || indent < 4 {
		m := option.FindStringSubmatch(text)
		if m == nil {
			return fmt.Sprintf("%q is no option of %s", shorten(text), s.Kind)
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
			return fmt.Sprintf("%q is no dependency of a gem", shorten(text))
		}
		last := &s.Specs[len(s.Specs)-1]
		last.Dependencies = append(last.Dependencies, d)
		return ""
	}
	spec, ok := locked(text)
	if !ok {
		return fmt.Sprintf("%q is no gem with its version", shorten(text))
	}
	s.Specs = append(s.Specs, spec)
	return ""
}

func (p *parser) checksum(text string) string {
	m := gem.FindStringSubmatch(text)
	if m == nil {
		return fmt.Sprintf("%q is no checksum", shorten(text))
	}
	spec, ok := locked(strings.TrimSuffix(text, " "+m[4]))
	if !ok {
		return fmt.Sprintf("%q is no checksum", shorten(text))
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
	return fmt.Sprintf("%q is no Ruby version", shorten(text))
}

func dependency(text string) (Dependency, bool) {
	m := gem.FindStringSubmatch(text)
	if m == nil || m[4] != "" {
		return Dependency{}, false
	}
	return Dependency{Name: m[1], Requirement: m[2], Pinned: m[3] != ""}, true
}

// locked reads `name (version)` or `name (version-platform)`.
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
