package detect

import (
	"errors"
	"fmt"
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

// nodeVersion gathers every place a Node version can be written, in the order of languages.md 3.2,
// and chooses.
func (s *scan) nodeVersion(p pkg) (Requirement, error) {
	sources := s.envSource("SLUGC_NODE_VERSION", nodeAlias)
	add := func(from, text string, parse func(string) source) {
		if text = strings.TrimSpace(text); text != "" {
			src := parse(text)
			src.from, src.text = from, text
			sources = append(sources, src)
		}
	}
	add("package.json volta.node", p.volta["node"], nodeAlias)
	add("package.json engines.node", p.engines["node"], engineRange)
	for _, engine := range p.devRuntimes {
		if engine.Name == "node" {
			add("package.json devEngines.runtime", engine.Version, engineRange)
		}
	}
	for _, file := range []string{".nvmrc", ".node-version"} {
		sources = append(sources, s.fileSource(file, nodeAlias)...)
	}
	sources = append(sources, s.toolSources([]string{"nodejs", "node"}, nodeAlias)...)
	req, winner := s.choose("node", sources, npmAgree)
	if winner == nil || winner.bad == nil {
		return req, nil
	}
	id, hint := "node/version-invalid", "write a version or an npm range such as 24.x; .nvmrc and its kin also know lts/* and lts/‹codename›"
	switch {
	case errors.Is(winner.bad, errIojs):
		id, hint = "node/iojs", "ask for a Node version, such as 24"
	case strings.HasPrefix(winner.from, "package.json") && !strings.Contains(winner.from, "volta"):
		id, hint = "node/engines-invalid", `write an npm range, such as "24.x" or ">=22 <25"; alternatives are joined by ||, never by a comma`
	}
	return req, &Error{
		ID:      id,
		Summary: fmt.Sprintf("%s is %q, which is no Node version: %v", winner.from, winner.text, winner.bad),
		Place:   winner.from,
		Hints:   []string{hint},
	}
}

var errIojs = errors.New("io.js ended in 2015")

// engineRange reads an npm range; "latest" is any, as Heroku has it.
func engineRange(text string) source {
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

// nodeAlias reads what nvm, asdf and mise understand: a version or npm range, node, stable, latest,
// lts, lts/*, lts/‹codename›.
func nodeAlias(text string) source {
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
	return engineRange(text)
}

// npmAgree: one version can satisfy both. Where a codename is not known here, nothing is claimed.
func npmAgree(winner, loser source) bool {
	a, ok := comparable(winner)
	b, ok2 := comparable(loser)
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

func comparable(src source) (npmrange.Range, bool) {
	text := src.constraint
	if name, ok := strings.CutPrefix(text, "lts/"); ok {
		line, known := nodelts.Line(name)
		if !known {
			return npmrange.Range{}, false
		}
		text = strconv.Itoa(line)
	}
	r, err := npmrange.Parse(text)
	return r, err == nil
}
