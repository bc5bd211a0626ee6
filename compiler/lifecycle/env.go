package lifecycle

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
)

// change modifies one environment variable (specification, "Environment Variable Modification Rules").
type change struct {
	name, value, delim string
	action             string // override, default, append, prepend
}

// readEnv reads a directory such as env or env.launch of a layer. A missing one is empty. Sub-directories,
// and files with an unknown suffix, are ignored.
func readEnv(layer *beneath.Dir, dir string) ([]change, error) {
	entries, err := readDir(layer, dir)
	if err != nil {
		return nil, fmt.Errorf("reading a layer's environment: %w", err)
	}
	var changes []change
	delims := map[string]string{}
	for _, e := range entries {
		if e.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		value, err := readValue(layer, path.Join(dir, e.Name))
		if err != nil {
			return nil, fmt.Errorf("reading a layer's environment: %w", err)
		}
		name, action, _ := strings.Cut(e.Name, ".")
		switch action {
		case "":
			action = "override"
		case "override", "default", "append", "prepend":
		case "delim":
			delims[name] = value
			continue
		default:
			continue
		}
		if !isVariableName(name) {
			return nil, fmt.Errorf("reading a layer's environment: %q is not a variable name", name)
		}
		changes = append(changes, change{name: name, action: action, value: value})
	}
	for i := range changes {
		changes[i].delim = delims[changes[i].name]
	}
	slices.SortStableFunc(changes, func(a, b change) int { return strings.Compare(a.name, b.name) })
	return changes, nil
}

// readValue reads a regular file that holds the value of a variable.
func readValue(layer *beneath.Dir, file string) (string, error) {
	data, err := layer.ReadFile(file, maxFile)
	if err != nil {
		return "", fmt.Errorf("%q: %w", path.Base(file), beneath.Reason(err))
	}
	if strings.ContainsRune(string(data), 0) {
		return "", fmt.Errorf("%q has a NUL character, which no variable can hold", path.Base(file))
	}
	return string(data), nil
}

// readDir lists a directory of a layer. A missing one is empty.
func readDir(layer *beneath.Dir, dir string) ([]beneath.Entry, error) {
	entries, err := layer.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing %q: %w", dir, beneath.Reason(err))
	}
	return entries, nil
}

func isVariableName(s string) bool {
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
		case c.action == "override", old == "":
			env[c.name] = c.value
		case c.action == "default":
		case c.action == "append":
			env[c.name] = old + c.delim + c.value
		default:
			env[c.name] = c.value + c.delim + old
		}
	}
}

// pathDir is a directory of a layer that is prepended to a path variable (specification, "Layer Paths").
type pathDir struct{ dir, variable string }

var (
	buildPathDirs = []pathDir{
		{"bin", "PATH"},
		{"lib", "LD_LIBRARY_PATH"},
		{"lib", "LIBRARY_PATH"},
		{"include", "CPATH"},
		{"pkgconfig", "PKG_CONFIG_PATH"},
	}
	launchPathDirs = []pathDir{{"bin", "PATH"}, {"lib", "LD_LIBRARY_PATH"}}
)

// pathChanges returns the changes of path variables by a layer that its reader sees at the path at.
func pathChanges(dirs []pathDir, layer *beneath.Dir, at string) (changes []change) {
	for _, d := range dirs {
		if layer.HasDir(d.dir) {
			changes = append(changes, change{name: d.variable, action: "prepend", value: at + "/" + d.dir, delim: ":"})
		}
	}
	return changes
}

// buildChanges returns what a build layer changes in the environment of the next buildpacks. They see the
// layer at the path at.
func buildChanges(layer *beneath.Dir, r Runtime, at string) ([]change, error) {
	tree, err := r.open(layer)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	changes := pathChanges(buildPathDirs, tree, at)
	for _, dir := range []string{"env", "env.build"} {
		more, err := readEnv(layer, dir)
		if err != nil {
			return nil, err
		}
		changes = append(changes, more...)
	}
	return changes, nil
}
