package detect

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// lockfiles maps each lock file to the manager that writes it, in the order they are told of.
var lockfiles = []struct{ file, manager string }{
	{"package-lock.json",
		"npm"}, {"npm-shrinkwrap.json",
		"npm"}, {"yarn.lock", "yarn"}, {"pnpm-lock.yaml", "pnpm"}, {"bun.lock", "bun"}, {"bun.lockb", "bun"},
}

// nodeManager settles the package manager (packageManager field, then the only lock file, then
// engines, then npm: languages.md 3.4) and the version asked of it.
func (s *scan) nodeManager(p pkg, app *NodeApp) ([]Requirement, error) {
	pin, err := parsePin(p.packageManager)
	if err != nil {
		return nil, err
	}
	locks, err := s.nodeLocks(pin)
	if err != nil {
		return nil, err
	}
	named := slices.DeleteFunc(
		[]string{"bun", "npm", "pnpm", "yarn"},
		func(m string) bool { return p.engines[m] == "" },
	)
	switch {
	case pin != nil:
		app.Manager, app.ManagerFrom = pin.name, "package.json packageManager"
	case len(locks) > 0:
		app.Manager, app.ManagerFrom = lockManager(locks[0]), locks[0]
	case len(named) > 1:
		return nil, &Error{
			ID: "node/package-manager-conflict", Summary: "package.json engines names more than one package manager: " + strings.Join(
				named, ", "), Place: "package.json engines",
			Hints: []string{"commit the lock file of the one that is used, or keep only its entry in engines"},
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
		s.found(locks[0], "found %s", locks[0])
	}
	for _, other := range named {
		if other != app.Manager && other != "npm" {
			s.warn("package.json engines.%s is set and %s decides for %s; using %s", other, app.ManagerFrom,
				app.Manager, app.Manager)
		}
	}
	if app.Manager == "yarn" {
		return s.yarn(p, pin, app)
	}
	return s.managerVersion(p, pin, app, app.Manager, func() []source { return s.lockVersion(app) })
}

func lockManager(file string) string {
	for _, l := range lockfiles {
		if l.file == file {
			return l.manager
		}
	}
	return ""
}

func lockOf(manager string) string {
	for _, l := range lockfiles {
		if l.manager == manager {
			return l.file
		}
	}
	return ""
}

// nodeLocks lists the lock files at the root; more than one manager's, or one of another manager
// than the pinned one, is an error.
func (s *scan) nodeLocks(pin *managerPin) ([]string, error) {
	var locks []string
	managers := map[string]bool{}
	for _, l := range lockfiles {
		if s.isFile(l.file) {
			locks = append(locks, l.file)
			managers[l.manager] = true
		}
	}
	if both := []string{"package-lock.json", "npm-shrinkwrap.json"}; len(managers) > 1 ||
		slices.Contains(locks, both[0]) && slices.Contains(locks, both[1]) {
		return nil, lockConflict(locks, pin)
	}
	if pin != nil && len(locks) > 0 && !managers[pin.name] {
		return nil, &Error{
			ID: "node/package-manager-conflict", Place: "package.json packageManager",
			Summary: fmt.Sprintf("package.json packageManager asks for %s and the only lock file, %s, is %s's",
				pin.name, locks[0], lockManager(locks[0])),
			Hints: []string{fmt.Sprintf("to use %s: run `%s install`, then `git rm %s` and commit %s", pin.name,
				pin.name, strings.Join(locks, " "), lockOf(pin.name)),
				fmt.Sprintf("to use %s: name its version in packageManager, or remove the field",
					lockManager(locks[0]))},
		}
	}
	return locks, nil
}

func lockConflict(locks []string, pin *managerPin) *Error {
	keep := locks
	if pin != nil {
		if own := slices.DeleteFunc(slices.Clone(locks), func(f string) bool { return lockManager(f) != pin.name }); len(
			own) > 0 {
			keep = own
		}
	}
	e := &Error{
		ID: "node/lockfile-conflict", Place: locks[0],
		Summary: "More than one package manager's lock file is committed: " + strings.Join(locks, ", "),
	}
	for _, file := range keep {
		if file == "bun.lockb" && slices.Contains(keep, "bun.lock") {
			continue
		}
		var others []string
		for _, other := range locks {
			if other != file && !(file == "bun.lock" && other == "bun.lockb") {
				others = append(others, other)
			}
		}
		e.Hints = append(e.Hints,
			fmt.Sprintf("to use %s with %s: run `git rm %s` and commit", lockManager(file), file,
				strings.Join(others, " ")))
	}
	return e
}

// managerPin is a packageManager field.
type managerPin struct{ name, version, hash string }

var (
	pinForm = lazyregexp.New(
		`^(npm|pnpm|yarn|bun)@(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:\+(?:(sha\d+)\.([0-9a-fA-F]+)))?$`)
	digestHexs = map[string]int{"sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
)

// parsePin reads `name@version` with an optional `+algorithm.hex`; nil where the field is empty.
func parsePin(text string) (*managerPin, error) {
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil
	}
	m := pinForm.FindStringSubmatch(text)
	if m == nil || m[3] != "" && digestHexs[m[3]] != len(m[4]) {
		return nil, &Error{
			ID: "node/package-manager-invalid", Place: "package.json packageManager",
			Summary: fmt.Sprintf("package.json packageManager is %q, which is not name@version", text),
			Hints: []string{"name npm, pnpm, yarn or bun with one exact version, such as pnpm@10.4.1 or yarn@4.5.0+sha512.‹128 hex digits›",
				"`corepack use pnpm@latest` writes the field"},
		}
	}
	pin := &managerPin{name: m[1], version: m[2]}
	if m[3] != "" {
		pin.hash = m[3] + "." + strings.ToLower(m[4])
	}
	return pin, nil
}

// managerVersion chooses the manager's version: build configuration, packageManager, Volta,
// engines, devEngines, then what the lock file was written by. npm comes with Node and is required
// only where somebody asks.
func (s *scan) managerVersion(
	p pkg,
	pin *managerPin,
	app *NodeApp,
	tool string,
	fallback func() []source,
) ([]Requirement, error) {
	sources := s.envSource("SLUGC_"+strings.ToUpper(tool)+"_VERSION", engineRange)
	if pin != nil && pin.name == tool {
		sources = append(sources,
			source{from: "package.json packageManager", text: pin.version, constraint: pin.version,
				exact: true, hash: pin.hash})
	}
	for _, from := range []struct{ name, text string }{
		{"package.json volta." + tool,
			p.volta[tool]}, {"package.json engines." + tool,
			p.engines[tool]}, {"package.json devEngines.packageManager", devManager(p, tool)},
	} {
		if text := strings.TrimSpace(from.text); text != "" {
			src := engineRange(text)
			src.from, src.text = from.name, text
			sources = append(sources, src)
		}
	}
	if len(sources) == 0 {
		sources = fallback()
	}
	if len(sources) == 0 && tool == "npm" {
		return nil, nil
	}
	req, winner := s.choose(tool, sources, npmAgree)
	if winner != nil && winner.bad != nil {
		return nil, &Error{
			ID: "node/engines-invalid", Summary: fmt.Sprintf("%s is %q, which is no %s version: %v", winner.from,
				winner.text, tool, winner.bad), Place: winner.from,
			Hints: []string{`write a version or an npm range, such as "10.x"`},
		}
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

var pnpmLockVersion = lazyregexp.New(`(?m)^lockfileVersion:\s*['"]?(\d+)\.(\d+)`)

// lockVersion infers the manager's major from its lock file's format.
func (s *scan) lockVersion(app *NodeApp) []source {
	if app.Manager != "pnpm" || app.Lockfile == "" {
		return nil
	}
	b, _ := s.head(app.Lockfile, 64<<10)
	m := pnpmLockVersion.FindSubmatch(bytes.ReplaceAll(b, []byte("\r"), nil))
	if m == nil {
		return nil
	}
	// 9.0 is written by pnpm 9 and later; the oldest reads what any of them wrote.
	major := map[string]string{"5.3": "6.x", "5.4": "7.x", "6.0": "8.x", "6.1": "8.x", "9.0": "9.x"}[string(m[1])+"."+string(m[2])]
	if major == "" {
		return nil
	}
	s.warn("no pnpm version is named; pnpm-lock.yaml (version %s.%s) suggests pnpm %s: pin it with the packageManager field",
		m[1], m[2], major)
	return []source{{from: "pnpm-lock.yaml", text: major, constraint: major}}
}
