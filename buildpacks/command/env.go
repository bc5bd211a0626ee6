package command

import (
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// Env is the environment that a build's tools run with: values by name. It is the build's own,
// never this process's.
type Env map[string]string

// NewEnv takes over "NAME=value" entries, except those whose name starts with one of the prefixes.
func NewEnv(entries []string, without ...string) Env {
	e := Env{}
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		if !slices.ContainsFunc(without, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			e[name] = value
		}
	}
	return e
}

// List returns the environment as [Command] takes it, sorted by name.
func (e Env) List() []string { return Environ(e) }

// Prepend puts directories in front of the search path that the variable name holds.
func (e Env) Prepend(name string, dirs ...string) { e[name] = Before(e[name], dirs...) }

// Look finds a program on the environment's PATH, as [Look] does.
func (e Env) Look(program string) string { return Look(e["PATH"], program) }

// Look finds a program on a search path and skips relative directories. A name that is an absolute
// path stands for itself. It returns "" where there is no such program.
func Look(path, name string) string {
	if filepath.IsAbs(name) {
		found, _ := exec.LookPath(name)
		return found
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found
		}
	}
	return ""
}

// Environ returns an environment as [Command] takes it, sorted by name.
func Environ(vars map[string]string) []string {
	list := make([]string, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		list = append(list, name+"="+vars[name])
	}
	return list
}

// Before puts directories in front of a search path, which may be empty.
func Before(path string, dirs ...string) string {
	if path != "" {
		dirs = append(slices.Clone(dirs), path)
	}
	return strings.Join(dirs, string(filepath.ListSeparator))
}

var secretName = lazyregexp.New(
	`(?i)token|secret|passw|credential|_auth|private|api_?key|access_?key|_key(_base)?$|_(url|uri|dsn)$`,
)

// minSecret is how many bytes the value of a secret has at least: a shorter one would blot out
// ordinary words.
const minSecret = 6

// IsSecret reports whether a variable of this name holds credentials.
func IsSecret(name string) bool { return secretName.MatchString(name) }

// Secrets returns the values of a configuration that must not be printed: those of variables that
// hold credentials, unless they are too short to be secret.
func Secrets(config map[string]string) []string {
	var values []string
	for name, value := range config {
		if value = strings.TrimSpace(value); IsSecret(name) && len(value) >= minSecret {
			values = append(values, value)
		}
	}
	return values
}
