package detect

import (
	"fmt"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// nodeManager chooses the package manager and its version. The manager comes from the
// packageManager field, else the only lock file, else engines, else devEngines; else it is npm.
func (s *scan) nodeManager(p pkg, app *NodeApp) (requires []Requirement, err error) {
	if p.pin, err = parsePin(p.packageManager); err != nil {
		return nil, err
	}
	locks, err := s.nodeLocks(p.pin)
	if err != nil {
		return nil, err
	}
	named := slices.DeleteFunc([]string{"bun", "npm", "pnpm", "yarn"},
		func(m string) bool { return p.engines[m] == "" })
	switch {
	case p.pin != nil:
		app.Manager, app.ManagerFrom = p.pin.name, "package.json packageManager"
	case len(locks) > 0:
		app.Manager, app.ManagerFrom = lockManager(locks[0]), locks[0]
	case len(named) > 1:
		return nil, &Error{
			ID: "node/package-manager-conflict", Place: "package.json engines",
			Summary: "package.json engines names more than one package manager: " + strings.Join(named, ", "),
			Hints:   []string{"commit the lock file of the one that is used, or keep only its entry in engines"},
		}
	case len(named) == 1:
		app.Manager, app.ManagerFrom = named[0], "package.json engines."+named[0]
	case len(p.devManagers) == 1 && lockOf(p.devManagers[0].Name) != "":
		app.Manager, app.ManagerFrom = p.devManagers[0].Name, "package.json devEngines.packageManager"
	default:
		app.Manager, app.ManagerFrom = "npm", "default"
	}
	if len(locks) > 0 {
		app.Lockfile = locks[0]
		s.reasonFor(locks[0], "found %s", locks[0])
	}
	for _, other := range named {
		if other != app.Manager && other != "npm" {
			s.warn("package.json engines.%s is set and %s decides for %s; using %s", other, app.ManagerFrom,
				app.Manager, app.Manager)
		}
	}
	if app.Manager == "yarn" {
		return s.yarn(p, app)
	}
	if app.Manager == "pnpm" {
		return s.pnpm(p, app)
	}
	return s.managerVersion(p, app.Manager, func() []source { return nil })
}

// managerPin is a parsed packageManager field.
type managerPin struct{ name, version, hash string }

var (
	pinPattern = lazyregexp.New(
		`^(npm|pnpm|yarn|bun)@(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:\+(?:(sha\d+)\.([0-9a-fA-F]+)))?$`)
	digestHexs = map[string]int{"sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
)

// parsePin parses `name@version` with an optional `+algorithm.hex`; it returns nil for an empty
// field.
func parsePin(text string) (*managerPin, error) {
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil
	}
	m := pinPattern.FindStringSubmatch(text)
	if m == nil || m[3] != "" && digestHexs[m[3]] != len(m[4]) {
		return nil, &Error{
			ID: "node/package-manager-invalid", Place: "package.json packageManager",
			Summary: fmt.Sprintf("package.json packageManager is %q, which is not name@version", text),
			Hints: []string{"name npm, pnpm, yarn or bun with one exact version, such as pnpm@10.4.1 or " +
				"yarn@4.5.0+sha512.‹128 hex digits›",
				"`corepack use pnpm@latest` writes the field"},
		}
	}
	pin := &managerPin{name: m[1], version: m[2]}
	if m[3] != "" {
		pin.hash = m[3] + "." + strings.ToLower(m[4])
	}
	return pin, nil
}

// managerVersion chooses the manager's version from, in order of precedence, the build
// configuration, packageManager, Volta, engines, devEngines and the fallback. npm comes with Node,
// so it is required only if one of them names it.
func (s *scan) managerVersion(p pkg, tool string, fallback func() []source) ([]Requirement, error) {
	sources := s.envSource("SLUGC_"+strings.ToUpper(tool)+"_VERSION", parseNPMRange)
	if p.pin != nil && p.pin.name == tool {
		pinned := source{constraint: p.pin.version, exact: true, hash: p.pin.hash}
		sources = append(sources, pinned.at("package.json packageManager", p.pin.version))
	}
	for _, from := range []struct{ name, text string }{
		{"package.json volta." + tool, p.volta[tool]},
		{"package.json engines." + tool, p.engines[tool]},
		{"package.json devEngines.packageManager", devManager(p, tool)},
	} {
		if text := strings.TrimSpace(from.text); text != "" {
			sources = append(sources, parseNPMRange(text).at(from.name, text))
		}
	}
	if len(sources) == 0 {
		sources = fallback()
	}
	if len(sources) == 0 && tool == "npm" {
		return nil, nil
	}
	req, winner := s.choose(tool, sources, npmCompatible)
	if winner != nil && winner.bad != nil {
		return nil, winner.invalid("node/engines-invalid", withArticle(tool)+" version",
			`write a version or an npm range, such as "10.x"`)
	}
	return []Requirement{req}, nil
}

func devManager(p pkg, tool string) string {
	for _, engine := range p.devManagers {
		if engine.Name == tool {
			return engine.Version
		}
	}
	return ""
}
