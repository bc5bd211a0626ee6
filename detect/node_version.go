package detect

import (
	"errors"
	"strconv"
	"strings"

	"slugc/detect/lazyregexp"
	"slugc/detect/nodelts"
	"slugc/detect/npmrange"
)

var (
	exactVersion = lazyregexp.New(`^[=v ]*(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:\+[0-9A-Za-z.-]+)?$`)
	codename     = lazyregexp.New(`^lts/(?:\*|[a-z]+)$`)
)

// nodeVersion chooses the Node version. It comes from SLUGC_NODE_VERSION, else the app's files, else those of the
// root of its workspace.
func (m *nodeProject) nodeVersion(p pkg) (Requirement, error) {
	s := m.app
	sources := append(s.envSource("SLUGC_NODE_VERSION", parseNodeVersion), s.nodeSources(p)...)
	if m.workspace != nil {
		for _, src := range m.nodeSources(m.root) {
			src.from = m.up + src.from
			sources = append(sources, src)
		}
	}
	req, winner := s.choose("node", sources, npmCompatible)
	if winner == nil || winner.bad == nil {
		return req, nil
	}
	id := "node/version-invalid"
	hint := "write a version or an npm range such as 24.x; .nvmrc and .node-version also accept " +
		"lts/* and lts/‹codename›"
	switch {
	case errors.Is(winner.bad, errIojs):
		id, hint = "node/iojs", "ask for a Node version, such as 24"
	case strings.HasPrefix(strings.TrimPrefix(winner.from, m.up), "package.json") &&
		!strings.Contains(winner.from, "volta"):
		id = "node/engines-invalid"
		hint = `write an npm range, such as "24.x" or ">=22 <25"; join alternatives with ||, not with a comma`
	}
	return req, winner.invalid(id, "a Node version", hint)
}

// nodeSources reads which Node the files ask for, in order of precedence: package.json (volta, engines,
// devEngines), .nvmrc, .node-version, .tool-versions and mise.toml.
func (s *scan) nodeSources(p pkg) (sources []source) {
	add := func(from, text string, parse func(string) source) {
		if text = strings.TrimSpace(text); text != "" {
			sources = append(sources, parse(text).at(from, text))
		}
	}
	add("package.json volta.node", p.volta["node"], parseNodeVersion)
	add("package.json engines.node", p.engines["node"], parseNPMRange)
	for _, engine := range p.devRuntimes {
		if engine.Name == "node" {
			add("package.json devEngines.runtime", engine.Version, parseNPMRange)
		}
	}
	for _, file := range []string{".nvmrc", ".node-version"} {
		sources = append(sources, s.fileSource(file, parseNodeVersion)...)
	}
	return append(sources, s.toolSources([]string{"nodejs", "node"}, parseNodeVersion)...)
}

var errIojs = errors.New("io.js ended in 2015")

// parseNPMRange parses an npm range. "latest" is any release, as in Heroku's Node buildpack.
func parseNPMRange(text string) source {
	if strings.EqualFold(text, "latest") {
		return source{constraint: "*"}
	}
	r, err := npmrange.Parse(text)
	if err != nil {
		return source{bad: errors.New("it is neither a version nor a range")}
	}
	if m := exactVersion.FindStringSubmatch(r.String()); m != nil {
		return source{constraint: m[1], exact: true}
	}
	return source{constraint: r.String()}
}

// parseNodeVersion parses what nvm, asdf and mise accept: a version or npm range, node, stable,
// latest, lts, lts/*, lts/‹codename›.
func parseNodeVersion(text string) source {
	text = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(text), "node-"))
	text = strings.Replace(text, "lts-", "lts/", 1)
	switch {
	case text == "node" || text == "stable" || text == "latest" || text == "current":
		return source{constraint: "*"}
	case text == "lts":
		return source{constraint: "lts/*"}
	case codename.MatchString(text):
		return source{constraint: text}
	case strings.HasPrefix(text, "iojs"):
		return source{bad: errIojs}
	}
	return parseNPMRange(text)
}

// npmCompatible reports whether one version can satisfy both sources. A code name that package
// nodelts does not know is compatible with everything.
func npmCompatible(winner, loser source) bool {
	a, ok := npmRange(winner)
	b, ok2 := npmRange(loser)
	if !ok || !ok2 {
		return true
	}
	if winner.exact && loser.exact {
		return winner.constraint == loser.constraint
	}
	if winner.exact {
		return b.Match(winner.constraint)
	}
	if loser.exact {
		return a.Match(loser.constraint)
	}
	return a.Intersects(b)
}

// npmRange is a source as an npm range; false for an unknown code name.
func npmRange(src source) (npmrange.Range, bool) {
	text := src.constraint
	if name, ok := strings.CutPrefix(text, "lts/"); ok {
		major, ok := nodelts.Major(name)
		if !ok {
			return npmrange.Range{}, false
		}
		text = strconv.Itoa(major)
	}
	r, err := npmrange.Parse(text)
	return r, err == nil
}
