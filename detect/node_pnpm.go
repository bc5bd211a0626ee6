package detect

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"slugc/detect/lazyregexp"
	"slugc/detect/npmrange"
)

// pnpmWorkspace is what pnpm-workspace.yaml says.
type pnpmWorkspace struct {
	packages  []string          // patterns of the members
	settings  []string          // the names of what pnpm reads from version 10 on, sorted
	overrides map[string]string // what replaces dependencies
}

// pnpmWorkspace reads pnpm-workspace.yaml; nil where there is none.
func (s *scan) pnpmWorkspace() (*pnpmWorkspace, error) {
	b, ok, err := s.read("pnpm-workspace.yaml")
	if err != nil || !ok {
		return nil, err
	}
	return parsePnpmWorkspace(b)
}

func parsePnpmWorkspace(b []byte) (*pnpmWorkspace, error) {
	var doc struct {
		Packages []string       `yaml:"packages"`
		Others   map[string]any `yaml:",inline"`
	}
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, &Error{
			ID: "node/pnpm-workspace-invalid", Place: "pnpm-workspace.yaml",
			Summary: "pnpm-workspace.yaml is not valid: " + oneLine(err),
			Hints:   []string{"fix the YAML; `pnpm ls -r` shows whether pnpm can read it"},
		}
	}
	delete(doc.Others, "catalog") // pnpm 9 reads catalogs
	delete(doc.Others, "catalogs")
	file := &pnpmWorkspace{doc.Packages, slices.Sorted(maps.Keys(doc.Others)), map[string]string{}}
	overrides, _ := doc.Others["overrides"].(map[string]any)
	for name, value := range overrides {
		if spec, ok := value.(string); ok {
			file.overrides[name] = spec
		}
	}
	return file, nil
}

// wants10 says why the file asks for pnpm 10: pnpm 9 stops where it names no packages, and reads no settings in
// it. "" is a file that pnpm 9 reads whole.
func (w *pnpmWorkspace) wants10() string {
	switch {
	case w == nil:
		return ""
	case len(w.packages) == 0:
		return "names no packages"
	case len(w.settings) > 0:
		return "sets " + strings.Join(w.settings[:min(3, len(w.settings))], ", ")
	}
	return ""
}

// pnpm chooses pnpm's version. Where nothing names it, pnpm-workspace.yaml and the lock file suggest one.
func (s *scan) pnpm(p pkg, app *NodeApp) ([]Requirement, error) {
	file, err := s.pnpmWorkspace()
	if err != nil {
		return nil, err
	}
	suggested := false
	chosen, err := s.managerVersion(p, "pnpm", func() []source {
		suggested = true
		return s.pnpmLockSource(app, file)
	})
	if why := file.wants10(); err == nil && why != "" && !suggested {
		ten, _ := npmrange.Parse(">=10")
		if asked, err := npmrange.Parse(chosen[0].Constraint); err == nil && !asked.Intersects(ten) {
			s.warn("%s asks for pnpm %s, and pnpm-workspace.yaml %s, which only pnpm 10 and newer understand: "+
				"name one of these in package.json packageManager", chosen[0].From, chosen[0].Constraint, why)
		}
	}
	return chosen, err
}

var (
	pnpmLockVersion = lazyregexp.New(`(?m)^lockfileVersion:\s*['"]?(\d+)\.(\d+)`)

	// pnpmMajors are the versions of pnpm by the format of the lock file they write. pnpm 9 and
	// later write 9.0.
	pnpmMajors = map[string]string{"5.3": "6.x", "5.4": "7.x", "6.0": "8.x", "6.1": "8.x", "9.0": "9.x"}
)

// pnpmLockSource infers pnpm's version from the format of its lock file. pnpm 9 and newer write the same one:
// what pnpm-workspace.yaml says tells them apart.
func (s *scan) pnpmLockSource(app *NodeApp, file *pnpmWorkspace) []source {
	if app.Lockfile == "" {
		return nil
	}
	b, _ := s.readUpTo(app.Lockfile, 64<<10)
	m := pnpmLockVersion.FindSubmatch(bytes.ReplaceAll(b, []byte("\r"), nil))
	if m == nil {
		return nil
	}
	format := string(m[1]) + "." + string(m[2])
	major := pnpmMajors[format]
	if major == "" {
		return nil
	}
	if why := file.wants10(); why != "" && format == "9.0" {
		s.warn("no pnpm version is named; pnpm-workspace.yaml %s, which suggests pnpm 10: "+
			"pin it with the packageManager field", why)
		return []source{{from: "pnpm-workspace.yaml", text: "10.x", constraint: "10.x"}}
	}
	s.warn("no pnpm version is named; pnpm-lock.yaml (version %s) suggests pnpm %s: "+
		"pin it with the packageManager field", format, major)
	return []source{{from: "pnpm-lock.yaml", text: major, constraint: major}}
}
