package detect

import (
	"fmt"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"slugc/detect/lazyregexp"
	"slugc/detect/npmrange"
)

var (
	berryLock   = lazyregexp.New(`(?m)^__metadata:\s*\n(?:[ \t]+\S.*\n)*?[ \t]+version:\s*['"]?(\d+)`)
	yarnRelease = lazyregexp.New(`^yarn-(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)\.c?js$`)
)

// yarn tells yarn 1 from berry (yarn 2 and later), reads .yarnrc.yml and chooses the version.
func (s *scan) yarn(p pkg, app *NodeApp) ([]Requirement, error) {
	release, err := s.yarnrc(app)
	if err != nil {
		return nil, err
	}
	lock, metadata := s.yarnLock(app.Lockfile)
	request := source{from: "package.json engines.yarn", text: p.engines["yarn"]}
	if p.pin != nil {
		request = source{from: "package.json packageManager", text: p.pin.version}
	}
	berry, err := s.isBerry(lock, release, request)
	if err != nil {
		return nil, err
	}
	fallback := []source{{from: app.ManagerFrom, text: "1.22.x", constraint: "1.22.x"}}
	if berry {
		app.Manager = "berry"
		if app.NodeLinker == "" {
			app.NodeLinker = "pnp"
		}
		if lock == "" {
			app.Lockfile = "" // an empty yarn.lock only marks a project's root
		}
		fallback = berrySource(metadata)
	}
	if release != nil && app.YarnPath != "" {
		if p.pin != nil && p.pin.version != release.constraint {
			s.warn(".yarnrc.yml yarnPath asks for %s and package.json packageManager says %s; using .yarnrc.yml",
				release.constraint, p.pin.version)
		}
		return []Requirement{
			{Tool: "yarn", Constraint: release.constraint, From: release.from, Exact: release.exact},
		}, nil
	}
	return s.managerVersion(p, "yarn", func() []source { return fallback })
}

// berrySource infers berry's version from the format of its lock file; "" has none.
func berrySource(metadata string) []source {
	if metadata == "" {
		return nil
	}
	// yarn 2 writes format 4, yarn 3 writes 5 and 6, yarn 4 writes 8 and later.
	version := map[string]string{"4": "^2.4.0", "5": "^3.0.0", "6": "^3.2.0"}[metadata]
	if version == "" {
		version = "^4.0.0"
	}
	return []source{{from: "yarn.lock", text: version, constraint: version}}
}

// yarnLock returns which yarn wrote the lock file ("1", "berry" or "" for none) and the format of
// berry's.
func (s *scan) yarnLock(file string) (wrote, metadata string) {
	b, ok := s.readUpTo(file, 64<<10)
	if file == "" || !ok {
		return "", ""
	}
	if m := berryLock.FindStringSubmatch(strings.ReplaceAll(string(b), "\r", "")); m != nil {
		return "berry", m[1]
	}
	if strings.TrimSpace(string(b)) == "" {
		return "", ""
	}
	return "1", ""
}

// isBerry decides between yarn 1 and berry by the lock file, the requested version and the yarn
// that yarnPath names (release, may be nil).
func (s *scan) isBerry(lock string, release *source, request source) (bool, error) {
	accepts1, accepts2 := true, true
	if r, err := npmrange.Parse(request.text); request.text != "" && err == nil {
		one, _ := npmrange.Parse("1.x")
		later, _ := npmrange.Parse(">=2.0.0-0")
		accepts1 = r.Intersects(one) || one.Match(request.text)
		accepts2 = r.Intersects(later) || later.Match(request.text)
	}
	classic := release != nil && strings.HasPrefix(release.constraint, "1.") // yarn 1 honours yarnPath, too
	conflict := func(writer string) *Error {
		return &Error{
			ID: "node/package-manager-conflict", Place: request.from,
			Summary: fmt.Sprintf("%s asks for yarn %s and yarn.lock is written by %s", request.from, request.text,
				writer),
			Hints: []string{"run `yarn install` with the version you want and commit yarn.lock",
				"or name the version that wrote yarn.lock in package.json packageManager"},
		}
	}
	switch {
	case lock == "berry" && !accepts2:
		return false, conflict("yarn 2 or later, which yarn 1 can't read")
	case lock == "1" && !accepts1 && request.from != "package.json packageManager":
		return false, conflict("yarn 1")
	case lock == "1" && !accepts1:
		s.warn("%s asks for yarn %s and yarn.lock is written by yarn 1: run `yarn install` and commit the lock file",
			request.from, request.text)
		return true, nil
	case lock == "berry":
		return true, nil
	case lock == "1":
		return release != nil && !classic, nil
	}
	return !accepts1 || request.text == "" && !classic && s.isFile(".yarnrc.yml"), nil
}

// yarnrc reads yarnPath (if its file exists) and nodeLinker from .yarnrc.yml.
func (s *scan) yarnrc(app *NodeApp) (*source, error) {
	b, ok, err := s.read(".yarnrc.yml")
	if err != nil || !ok {
		return nil, err
	}
	var doc struct {
		YarnPath   string `yaml:"yarnPath"`
		NodeLinker string `yaml:"nodeLinker"`
	}
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, &Error{
			ID: "node/yarnrc-invalid", Place: ".yarnrc.yml",
			Summary: ".yarnrc.yml is not valid: " + oneLine(err),
			Hints:   []string{"fix the YAML; `yarn config` shows whether yarn can read it"},
		}
	}
	app.NodeLinker = doc.NodeLinker
	for _, f := range s.walk(".yarn/cache") {
		if path.Base(f) != ".gitignore" {
			app.ZeroInstall = true
			break
		}
	}
	if doc.YarnPath == "" {
		return nil, nil
	}
	file := inTree(doc.YarnPath)
	if file == "" || !s.isFile(file) {
		s.warn(".yarnrc.yml yarnPath names %s, which is not committed", doc.YarnPath)
		return nil, nil
	}
	app.YarnPath = file
	src := &source{from: ".yarnrc.yml yarnPath"}
	if m := yarnRelease.FindStringSubmatch(path.Base(file)); m != nil {
		src.constraint, src.exact = m[1], true
	}
	return src, nil
}
