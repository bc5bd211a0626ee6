package detect

import (
	"errors"
	"fmt"
	"strings"

	gems "deps.dev/util/semver"

	"slugc/detect/lazyregexp"
)

var (
	rubyExact   = lazyregexp.New(`^(\d+\.\d+\.\d+)(?:p\d+)?(?:[.-]?((?:preview|rc|dev|alpha|beta)\d*))?$`)
	rubyLine    = lazyregexp.New(`^(\d+)(?:\.(\d+))?$`)
	rubyClause  = lazyregexp.New(`^(=|!=|>|<|>=|<=|~>)?\s*\d+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z.]+)?$`)
	gemfileRuby = lazyregexp.New(`^\s*ruby[\s(]+(.*)$`)
	rubyEngine  = lazyregexp.New(`(?:\bengine:|:engine\s*=>)\s*["'](\w+)["']`)
	rubyEngineV = lazyregexp.New(`(?:\bengine_version:|:engine_version\s*=>)\s*["']([\w.]+)["']`)
	quoted      = lazyregexp.New(`^\s*(?:"([^"]*)"|'([^']*)')\s*(,|\)|$|#|;|if\b|unless\b)`)
)

// rubyRequires gathers the Ruby and Bundler versions in the order of languages.md 2.2. A JRuby app
// requires jruby and a JDK.
func (s *scan) rubyRequires(app *RubyApp) ([]Requirement, error) {
	lock := app.Lock.Ruby
	sources := s.envSource("SLUGC_RUBY_VERSION", rubyAsked)
	if lock.Version != "" {
		sources = append(sources,
			source{from: app.Lockfile + " RUBY VERSION", text: lock.Version, constraint: lock.Version, exact: true})
	}
	fromGemfile, err := s.gemfileRuby(app.Gemfile)
	if err != nil {
		return nil, err
	}
	sources = append(sources, fromGemfile...)
	sources = append(sources, s.fileSource(".ruby-version", rubyFile)...)
	sources = append(sources, s.toolSources([]string{"ruby"}, rubyFile)...)
	if engine, version := s.gemfileEngine(app.Gemfile); lock.Engine == "" && lock.Version == "" && engine != "" &&
		engine != "ruby" {
		return s.otherEngine(app, engine, version, app.Gemfile+" ruby")
	}
	if lock.Engine != "" && lock.Engine != "ruby" {
		return s.otherEngine(app, lock.Engine, lock.EngineVersion, app.Lockfile+" RUBY VERSION")
	}
	req, winner := s.choose("ruby", sources, rubyAgree)
	if winner != nil && winner.bad != nil {
		return nil, &Error{
			ID: "ruby/version-invalid", Summary: fmt.Sprintf("%s is %q, which is no Ruby version: %v", winner.from,
				winner.text, winner.bad), Place: winner.from,
			Hints: []string{`write a version such as 3.3.9, or in the Gemfile a requirement such as ruby "~> 3.3"`},
		}
	}
	if winner == nil {
		s.warn("no Ruby version is named; add `ruby \"~> 3.3\"` or another to %s and run `bundle lock`", app.Gemfile)
	}
	return []Requirement{req, bundlerRequirement(app)}, nil
}

func bundlerRequirement(app *RubyApp) Requirement {
	if v := app.Lock.BundledWith; v != "" {
		return Requirement{Tool: "bundler", Constraint: v, From: app.Lockfile + " BUNDLED WITH", Exact: true}
	}
	return Requirement{Tool: "bundler", From: "default"}
}

// otherEngine are the requirements of an app for another engine than MRI; from is where it was
// read, file first.
func (s *scan) otherEngine(app *RubyApp, engine, version, from string) ([]Requirement, error) {
	app.Engine = engine
	if asked := strings.TrimSpace(s.env["SLUGC_RUBY_VERSION"]); asked != "" {
		file, _, _ := strings.Cut(from, " ")
		s.warn("SLUGC_RUBY_VERSION asks for %s and %s is locked to %s; using %s", asked, file,
			strings.TrimSpace(engine+" "+version), file)
	}
	requires := []Requirement{
		{Tool: engine, Constraint: version, From: from, Exact: version != ""},
		bundlerRequirement(app),
	}
	if engine == "jruby" {
		jdk, err := s.jdk()
		if err != nil {
			return nil, err
		}
		requires = append(requires, jdk.Requirement)
	}
	return requires, nil
}

// gemfileEngine reads the engine of the Gemfile's ruby line and its version, "" where it names
// none: then it is MRI.
func (s *scan) gemfileEngine(gemfile string) (engine, version string) {
	b, _, err := s.read(gemfile)
	if err != nil {
		return "", ""
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if m := gemfileRuby.FindStringSubmatch(line); m != nil {
			if e := rubyEngine.FindStringSubmatch(m[1]); e != nil {
				engine = e[1]
			}
			if v := rubyEngineV.FindStringSubmatch(m[1]); v != nil {
				version = v[1]
			}
			return engine, version
		}
	}
	return "", ""
}

// gemfileRuby reads the Gemfile's ruby line as far as it is written in plain strings: what is
// computed, or read from a file, is not known here.
func (s *scan) gemfileRuby(gemfile string) ([]source, error) {
	b, _, err := s.read(gemfile)
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		m := gemfileRuby.FindStringSubmatch(strings.TrimRight(line, "\r"))
		if m == nil {
			continue
		}
		var clauses []string
		for rest := m[1]; ; {
			q := quoted.FindStringSubmatch(rest)
			if q == nil {
				break
			}
			clauses = append(clauses, strings.TrimSpace(q[1]+q[2]))
			if q[3] != "," {
				break
			}
			rest = rest[len(q[0]):]
		}
		if len(clauses) > 0 {
			src := rubyRequirement(strings.Join(clauses, ", "))
			src.from, src.text = gemfile+" ruby", strings.Join(clauses, ", ")
			return []source{src}, nil
		}
	}
	return nil, nil
}

// rubyRequirement reads a RubyGems requirement of one or more clauses.
func rubyRequirement(text string) source {
	if v := rubyExact.FindStringSubmatch(text); v != nil {
		return source{constraint: joinPre(v), exact: true}
	}
	for clause := range strings.SplitSeq(text, ",") {
		if !rubyClause.MatchString(strings.TrimSpace(clause)) {
			return source{bad: errors.New("not a requirement as RubyGems knows it")}
		}
	}
	return source{constraint: text}
}

// rubyFile reads what version files hold: "3.3.9", "ruby-3.3.9", "3.3.9@gemset", and "3.3" for the
// newest 3.3.x.
func rubyFile(text string) source {
	text, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(text), "ruby-"), "@")
	if v := rubyExact.FindStringSubmatch(text); v != nil {
		return source{constraint: joinPre(v), exact: true}
	}
	m := rubyLine.FindStringSubmatch(text)
	switch {
	case text == "latest":
		return source{constraint: ">= 0"}
	case m == nil:
		return source{bad: errors.New("a version such as 3.3.9 is expected")}
	case m[2] == "":
		return source{constraint: "~> " + m[1] + ".0"}
	}
	return source{constraint: "~> " + text + ".0"}
}

// rubyAsked reads the build configuration: a version as in a version file, or a requirement.
func rubyAsked(text string) source {
	if src := rubyFile(text); src.bad == nil {
		return src
	}
	return rubyRequirement(text)
}

func joinPre(m []string) string {
	if m[2] != "" {
		return m[1] + "." + m[2]
	}
	return m[1]
}

// rubyAgree: one version can satisfy both.
func rubyAgree(winner, loser source) bool {
	a, err := gems.RubyGems.ParseConstraint(winner.constraint)
	b, err2 := gems.RubyGems.ParseConstraint(loser.constraint)
	switch {
	case err != nil || err2 != nil:
		return true
	case winner.exact && loser.exact:
		return winner.constraint == loser.constraint
	case winner.exact:
		return b.Match(winner.constraint)
	case loser.exact:
		return a.Match(loser.constraint)
	}
	both := a.Set()
	return both.Intersect(b.Set()) != nil || !both.Empty()
}
