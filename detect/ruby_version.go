package detect

import (
	"errors"
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

// rubyRequires collects the Ruby and Bundler versions. Ruby's come from, in order of precedence,
// SLUGC_RUBY_VERSION, the lock file, the Gemfile, .ruby-version, .tool-versions and mise.toml. A
// JRuby app requires jruby and a JDK.
func (s *scan) rubyRequires(app *RubyApp) ([]Requirement, error) {
	lock := app.Lock.Ruby
	sources := s.envSource("SLUGC_RUBY_VERSION", parseRubyConfig)
	if lock.Version != "" {
		sources = append(sources,
			source{from: app.Lockfile + " RUBY VERSION", text: lock.Version, constraint: lock.Version, exact: true})
	}
	lines, err := s.rubyLines(app.Gemfile)
	if err != nil {
		return nil, err
	}
	sources = append(sources, gemfileSource(app.Gemfile, lines)...)
	sources = append(sources, s.fileSource(".ruby-version", parseRubyFile)...)
	sources = append(sources, s.toolSources([]string{"ruby"}, parseRubyFile)...)
	engine, version := gemfileEngine(lines)
	if lock.Engine == "" && lock.Version == "" && engine != "" && engine != "ruby" {
		return s.otherEngine(app, engine, version, app.Gemfile+" ruby")
	}
	if lock.Engine != "" && lock.Engine != "ruby" {
		return s.otherEngine(app, lock.Engine, lock.EngineVersion, app.Lockfile+" RUBY VERSION")
	}
	req, winner := s.choose("ruby", sources, rubyCompatible)
	if winner != nil && winner.bad != nil {
		return nil, winner.invalid("ruby/version-invalid", "a Ruby version",
			`write a version such as 3.3.9, or in the Gemfile a requirement such as ruby "~> 3.3"`)
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

// otherEngine returns the requirements of an app for another engine than MRI (the standard Ruby);
// from is where the engine is written, such as "Gemfile ruby".
func (s *scan) otherEngine(app *RubyApp, engine, version, from string) ([]Requirement, error) {
	app.Engine = engine
	if configured := strings.TrimSpace(s.env["SLUGC_RUBY_VERSION"]); configured != "" {
		file, _, _ := strings.Cut(from, " ")
		s.warn("SLUGC_RUBY_VERSION asks for %s and %s is locked to %s; using %s", configured, file,
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

// rubyLines returns the arguments of the Gemfile's ruby lines, as they are written.
func (s *scan) rubyLines(gemfile string) ([]string, error) {
	b, _, err := s.read(gemfile)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.SplitSeq(string(b), "\n") {
		if m := gemfileRuby.FindStringSubmatch(strings.TrimRight(line, "\r")); m != nil {
			lines = append(lines, m[1])
		}
	}
	return lines, nil
}

// gemfileEngine reads the engine and its version from a Gemfile's first ruby line; they are "" if
// it names no engine, which means MRI.
func gemfileEngine(lines []string) (engine, version string) {
	if len(lines) == 0 {
		return "", ""
	}
	if e := rubyEngine.FindStringSubmatch(lines[0]); e != nil {
		engine = e[1]
	}
	if v := rubyEngineV.FindStringSubmatch(lines[0]); v != nil {
		version = v[1]
	}
	return engine, version
}

// gemfileSource reads the versions that a Gemfile's ruby line has as plain strings. It ignores a
// version that is computed or read from a file.
func gemfileSource(gemfile string, lines []string) []source {
	for _, rest := range lines {
		var clauses []string
		for {
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
			text := strings.Join(clauses, ", ")
			return []source{parseRubyRequirement(text).at(gemfile+" ruby", text)}
		}
	}
	return nil
}

// parseRubyRequirement parses a RubyGems requirement of one or more clauses.
func parseRubyRequirement(text string) source {
	if v := rubyExact.FindStringSubmatch(text); v != nil {
		return source{constraint: exactVersionText(v), exact: true}
	}
	for clause := range strings.SplitSeq(text, ",") {
		if !rubyClause.MatchString(strings.TrimSpace(clause)) {
			return source{bad: errors.New("it is not a RubyGems requirement")}
		}
	}
	return source{constraint: text}
}

// parseRubyFile parses the content of a version file: "3.3.9", "ruby-3.3.9", "3.3.9@gemset", or
// "3.3" for the newest 3.3.x.
func parseRubyFile(text string) source {
	text, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(text), "ruby-"), "@")
	if v := rubyExact.FindStringSubmatch(text); v != nil {
		return source{constraint: exactVersionText(v), exact: true}
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

// parseRubyConfig parses the build configuration: a version as in a version file, or a requirement.
func parseRubyConfig(text string) source {
	if src := parseRubyFile(text); src.bad == nil {
		return src
	}
	return parseRubyRequirement(text)
}

// exactVersionText joins a match of rubyExact: "3.4.0", or "3.4.0.rc1" for a pre-release.
func exactVersionText(m []string) string {
	if m[2] != "" {
		return m[1] + "." + m[2]
	}
	return m[1]
}

// rubyCompatible reports whether one version can satisfy both sources.
func rubyCompatible(winner, loser source) bool {
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
