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

// yarn tells yarn 1 from berry (yarn 2 and later), reads .yarnrc.yml and settles the version.
func (s *scan) yarn(p pkg, pin *managerPin, app *NodeApp) ([]Requirement, error) {
	release, err := s.yarnrc(app)
	if err != nil {
		return nil, err
	}
	lock, metadata := s.yarnLock(app.Lockfile)
	asked, askedBy := p.engines["yarn"], "package.json engines.yarn"
	if pin != nil {
		asked, askedBy = pin.version, "package.json packageManager"
	}
	berry, err := s.isBerry(lock, app, release, asked, askedBy)
	if err != nil {
		return nil, err
	}
	fallback := []source{{from: app.ManagerFrom, text: "1.22.x", constraint: "1.22.x"}}
	if berry {
		app.Manager = "berry"
		if app.NodeLinker == "" {
			app.NodeLinker = "pnp"
		}
		fallback = nil
		if metadata != "" {
			// Lock format 4 is yarn 2's, 5 and 6 are yarn 3's, 8 and later yarn 4's.
			major := map[string]string{"4": "^2.4.0", "5": "^3.0.0", "6": "^3.2.0"}[metadata]
			if major == "" {
				major = "^4.0.0"
			}
			fallback = []source{{from: "yarn.lock", text: major, constraint: major}}
		}
	}
	if release != nil && app.YarnPath != "" {
		if pin != nil && pin.version != release.constraint {
			s.warn(".yarnrc.yml yarnPath asks for %s and package.json packageManager says %s; using .yarnrc.yml",
				release.constraint, pin.version)
		}
		return []Requirement{
			{Tool: "yarn", Constraint: release.constraint, From: release.from, Exact: release.exact},
		}, nil
	}
	return s.managerVersion(p, pin, app, "yarn", func() []source { return fallback })
}

// yarnLock says which yarn wrote the lock file ("1", "berry" or "" for none) and berry's lock
// format.
func (s *scan) yarnLock(file string) (wrote, metadata string) {
	b, ok := s.head(file, 64<<10)
	if file == "" || !ok {
		return "", ""
	}
	if m := berryLock.FindStringSubmatch(strings.ReplaceAll(string(b), "\r", "")); m != nil {
		return "berry", m[1]
	}
	if strings.TrimSpace(string(b)) == "" {
		return "", "" // an empty yarn.lock marks a project root for berry
	}
	return "1", ""
}

// isBerry weighs the lock file, the asked-for version and yarnPath.
func (s *scan) isBerry(lock string, app *NodeApp, release *source, asked, askedBy string) (bool, error) {
	accepts1, accepts2 := true, true
	if r, err := npmrange.Parse(asked); asked != "" && err == nil {
		one, _ := npmrange.Parse("1.x")
		later, _ := npmrange.Parse(">=2.0.0-0")
		accepts1, accepts2 = r.Intersects(one) || one.Match(asked), r.Intersects(later) || later.Match(asked)
	}
	classic := release != nil && strings.HasPrefix(release.constraint, "1.") // yarn 1 honours yarnPath, too
	hint := []string{"run `yarn install` with the version you want and commit yarn.lock",
		"or name the version that wrote yarn.lock in package.json packageManager"}
	switch {
	case lock == "berry" && !accepts2:
		return false, &Error{
			ID: "node/package-manager-conflict", Place: askedBy, Hints: hint,
			Summary: fmt.Sprintf("%s asks for yarn %s and yarn.lock is written by yarn 2 or later, which yarn 1 can't read",
				askedBy, asked),
		}
	case lock == "1" && !accepts1 && app.ManagerFrom != "package.json packageManager":
		return false, &Error{
			ID: "node/package-manager-conflict", Place: askedBy, Hints: hint,
			Summary: fmt.Sprintf("%s asks for yarn %s and yarn.lock is written by yarn 1", askedBy, asked),
		}
	case lock == "1" && !accepts1:
		s.warn("%s asks for yarn %s and yarn.lock is written by yarn 1: run `yarn install` and commit the lock file",
			askedBy, asked)
		return true, nil
	case lock == "berry":
		return true, nil
	case lock == "1":
		return release != nil && !classic, nil
	}
	return !accepts1 || asked == "" && !classic && s.isFile(".yarnrc.yml"), nil
}

// yarnrc reads .yarnrc.yml: yarnPath (kept only where its file exists) and nodeLinker.
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
			ID: "node/yarnrc-invalid", Summary: ".yarnrc.yml is not valid: " + strings.Join(
				strings.Fields(err.Error()), " "), Place: ".yarnrc.yml",
			Hints: []string{"mend the YAML; `yarn config` shows whether yarn can read it"},
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
