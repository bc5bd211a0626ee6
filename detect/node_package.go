package detect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// pkg holds the fields of a package.json. Their names are case-sensitive, as for npm. A field of an
// unexpected type that no build depends on is left empty.
type pkg struct {
	name, main     string
	scripts        map[string]string
	engines        map[string]string
	volta          map[string]string
	devRuntimes    []devEngine
	devManagers    []devEngine
	packageManager string
	pin            *managerPin // the parsed packageManager field, once nodeManager has read it
	workspaces     []string
	cacheDirs      []string
	localDeps      []string // directories and files of file:, link: and portal: dependencies
	hasDeps        bool
	hasDevDeps     bool
	deps, devDeps  map[string]string
	static         json.RawMessage // slugc.static
}

type devEngine struct{ Name, Version string }

// readPackage reads a package.json, which must exist.
func (s *scan) readPackage(file string) (pkg, error) {
	b, _, err := s.read(file)
	if err != nil {
		return pkg{}, err
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(b, &doc); err != nil {
		return pkg{}, invalidPackage(file, b, err)
	}
	if doc == nil {
		return pkg{}, invalidPackage(file, b, errors.New("it is null and not an object"))
	}
	p := pkg{}
	for _, field := range []string{"scripts", "engines"} {
		values, err := stringMap(doc[field])
		if err != nil {
			return pkg{}, &Error{
				ID: "node/package-json-invalid", Summary: fmt.Sprintf("%s %s %v", file, field,
					err), Place: file + " " + field,
				Hints: []string{fmt.Sprintf(`write it as an object of strings, such as "%s": { "node": "24.x" }`,
					field)},
			}
		}
		if field == "scripts" {
			p.scripts = values
		} else {
			p.engines = values
		}
	}
	decode(doc["name"], &p.name)
	decode(doc["main"], &p.main)
	if p.main != "" {
		p.main = inTree(p.main)
	}
	decode(doc["packageManager"], &p.packageManager)
	p.volta = looseMap(doc["volta"])
	var dev map[string]json.RawMessage
	decode(doc["devEngines"], &dev)
	p.devRuntimes, p.devManagers = devEngines(dev["runtime"]), devEngines(dev["packageManager"])
	p.workspaces = workspacePatterns(doc["workspaces"])
	decode(doc["cacheDirectories"], &p.cacheDirs)
	if p.cacheDirs == nil {
		decode(doc["cache_directories"], &p.cacheDirs)
	}
	p.dependencies(doc)
	var own map[string]json.RawMessage
	decode(doc["slugc"], &own)
	p.static = own["static"]
	return p, nil
}

func (p *pkg) dependencies(doc map[string]json.RawMessage) {
	for _, field := range []string{"dependencies", "devDependencies", "optionalDependencies", "peerDependencies"} {
		deps := looseMap(doc[field])
		switch field {
		case "dependencies":
			p.deps = deps
		case "devDependencies":
			p.devDeps = deps
		}
		p.hasDeps = p.hasDeps || len(deps) > 0
		if field == "devDependencies" {
			p.hasDevDeps = len(deps) > 0
		}
		for _, spec := range deps {
			for _, prefix := range []string{"file:", "link:", "portal:"} {
				if local, ok := strings.CutPrefix(spec, prefix); ok {
					p.localDeps = append(p.localDeps, inTree(local))
				}
			}
		}
	}
	for _, field := range []string{"bundleDependencies", "bundledDependencies"} {
		var names []string
		decode(doc[field], &names)
		p.hasDeps = p.hasDeps || len(names) > 0
	}
}

// decode sets v if raw has its type, and else does nothing.
func decode[T any](raw json.RawMessage, v *T) {
	var parsed T
	if len(raw) > 0 && json.Unmarshal(raw, &parsed) == nil {
		*v = parsed
	}
}

// stringMap decodes an object of strings; any other value is an error.
func stringMap(raw json.RawMessage) (map[string]string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) != nil {
		return nil, errors.New("is not an object")
	}
	out := map[string]string{}
	for key, value := range values {
		var text string
		if json.Unmarshal(value, &text) != nil {
			return nil, fmt.Errorf("has %q, which is not a string", key)
		}
		out[key] = text
	}
	return out, nil
}

// looseMap decodes the strings of an object and skips its other values.
func looseMap(raw json.RawMessage) map[string]string {
	var values map[string]json.RawMessage
	decode(raw, &values)
	out := map[string]string{}
	for key, value := range values {
		var text string
		if json.Unmarshal(value, &text) == nil {
			out[key] = text
		}
	}
	return out
}

// devEngines decodes an object {"name", "version", "onFail"}, or an array of them.
func devEngines(raw json.RawMessage) []devEngine {
	var many []json.RawMessage
	if decode(raw, &many); many == nil && len(raw) > 0 {
		many = []json.RawMessage{raw}
	}
	var engines []devEngine
	for _, one := range many {
		if m := looseMap(one); m["name"] != "" {
			engines = append(engines, devEngine{Name: m["name"], Version: m["version"]})
		}
	}
	return engines
}

// workspacePatterns decodes an array, or yarn 1's {"packages": [...]}.
func workspacePatterns(raw json.RawMessage) []string {
	var patterns []string
	decode(raw, &patterns)
	if patterns == nil {
		var object map[string]json.RawMessage
		decode(raw, &object)
		decode(object["packages"], &patterns)
	}
	return patterns
}

// invalidPackage reports where the JSON is malformed.
func invalidPackage(file string, b []byte, err error) *Error {
	place, at := file, int64(-1)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = max(0, syntax.Offset-1)
		if strings.HasPrefix(syntax.Error(), "unexpected end") {
			at = int64(len(b))
		}
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		err = fmt.Errorf("it holds %s and not an object", kind.Value)
	}
	if at >= 0 {
		before := string(b[:min(at, int64(len(b)))])
		line := strings.Count(before, "\n") + 1
		place = fmt.Sprintf("%s:%d:%d", file, line, len([]rune(before[strings.LastIndex(before, "\n")+1:]))+1)
	}
	return &Error{
		ID: "node/package-json-invalid", Summary: fmt.Sprintf("%s is not valid: %v", file, err), Place: place,
		Hints: []string{"fix the JSON; `npm pkg get name` shows whether npm can read it",
			"remove comments and a comma after the last element: JSON allows neither"},
	}
}
