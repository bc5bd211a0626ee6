package lifecycle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// change is one modification of one environment variable by a layer (buildpack specification,
// "Environment Variable Modification Rules").
type change struct {
	name, kind, value, delim string // kind: override, default, append, prepend
}

// readEnv reads a directory such as env or env.launch; a missing one is empty. Sub-directories are
// skipped; a file with an unknown suffix is ignored.
func readEnv(dir string) ([]change, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a layer's environment: %w", err)
	}
	var changes []change
	delims := map[string]string{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil || info.Size() > maxTOML {
			return nil, fmt.Errorf("reading a layer's environment: %q is unreadable or too large", e.Name())
		}
		value, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading a layer's environment: %w", err)
		}
		name, suffix, _ := strings.Cut(e.Name(), ".")
		switch suffix {
		case "":
			suffix = "override"
		case "override", "default", "append", "prepend":
		case "delim":
			delims[name] = string(value)
			continue
		default:
			continue
		}
		if !isName(name) {
			return nil, fmt.Errorf("reading a layer's environment: %q is not a variable name", name)
		}
		changes = append(changes, change{name: name, kind: suffix, value: string(value)})
	}
	for i := range changes {
		changes[i].delim = delims[changes[i].name]
	}
	sort.SliceStable(changes, func(i, j int) bool { return changes[i].name < changes[j].name })
	return changes, nil
}

func isName(s string) bool {
	for i, r := range s {
		if !(r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return s != ""
}

// apply changes an environment.
func apply(env map[string]string, changes []change) {
	for _, c := range changes {
		old := env[c.name]
		switch {
		case c.kind == "override":
			env[c.name] = c.value
		case c.kind == "default":
			if old == "" {
				env[c.name] = c.value
			}
		case old == "":
			env[c.name] = c.value
		case c.kind == "append":
			env[c.name] = old + c.delim + c.value
		default:
			env[c.name] = c.value + c.delim + old
		}
	}
}

// buildRoots and launchRoots are the directories of a layer that go on path variables, always in
// front.
var (
	buildRoots = [][2]string{
		{"bin", "PATH"},
		{"lib", "LD_LIBRARY_PATH"},
		{"lib", "LIBRARY_PATH"},
		{"include", "CPATH"},
		{"pkgconfig", "PKG_CONFIG_PATH"},
	}
	launchRoots = [][2]string{{"bin", "PATH"}, {"lib", "LD_LIBRARY_PATH"}}
)

// rootChanges returns the path changes of the layer directory dir, seen by the reader at path.
func rootChanges(roots [][2]string, dir, path string) (changes []change) {
	for _, r := range roots {
		if info, err := os.Stat(filepath.Join(dir, r[0])); err == nil && info.IsDir() {
			changes = append(changes, change{name: r[1], kind: "prepend", value: path + "/" + r[0], delim: ":"})
		}
	}
	return changes
}

// buildChanges returns what a build layer changes for the buildpacks after its own.
func buildChanges(dir, path string) ([]change, error) {
	changes := rootChanges(buildRoots, dir, path)
	for _, sub := range []string{"env", "env.build"} {
		more, err := readEnv(filepath.Join(dir, sub))
		if err != nil {
			return nil, err
		}
		changes = append(changes, more...)
	}
	return changes, nil
}
