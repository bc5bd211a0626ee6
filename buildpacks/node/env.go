package node

import (
	"slices"
	"strings"

	"slugc/buildpacks/command"
)

// unsafe are variables of the user's configuration that never reach a tool: they would change what
// the build itself is (languages.md 1.2).
var unsafe = []string{"PATH", "GIT_DIR", "CPATH", "CPPATH", "LD_PRELOAD", "LIBRARY_PATH", "LANG", "BUILD_DIR"}

// internal are variables of this process that no script should see.
var internal = []string{"GIT_DIR", "CNB_", "SLUGC_"}

// environment is what tools and scripts run with: the platform's explicit environment, then the
// user's configuration, then what the buildpack sets. A default never replaces a value of the
// user's or the platform's.
type environment struct {
	vars map[string]string
	user map[string]string
}

func newEnvironment(environ []string, user map[string]string) *environment {
	e := &environment{vars: map[string]string{}, user: map[string]string{}}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !slices.ContainsFunc(internal, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			e.vars[name] = value
		}
	}
	for name, value := range user {
		if slices.Contains(unsafe, name) {
			continue
		}
		e.user[name] = value
		e.drop(name)
		e.vars[name] = value
	}
	return e
}

// secrets are the values of a configuration that must not be printed, the longer first: one may be
// part of another.
func secrets(config map[string]string) []string {
	var values []string
	for name, value := range config {
		if value = strings.TrimSpace(value); secret.MatchString(name) && len(value) >= minSecret {
			values = append(values, value)
		}
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	return values
}

// minSecret is how long a value must be to be a secret: a shorter one would blot out words that are
// none.
const minSecret = 6

// drop removes name and, for npm's settings, every spelling of it: npm folds their case, and two
// spellings would race.
func (e *environment) drop(name string) {
	for have := range e.vars {
		if have == name || npmSetting(have) != "" && npmSetting(have) == npmSetting(name) {
			delete(e.vars, have)
		}
	}
}

// npmSetting is the setting that an npm_config_ variable names, or "".
func npmSetting(name string) string {
	setting, ok := strings.CutPrefix(strings.ToLower(name), "npm_config_")
	if !ok {
		return ""
	}
	return strings.ReplaceAll(setting, "-", "_")
}

// set sets name, whatever it was.
func (e *environment) set(name, value string) {
	e.drop(name)
	e.vars[name] = value
}

// fallback sets name where nobody else has.
func (e *environment) fallback(name, value string) {
	if _, ok := e.get(name); !ok {
		e.vars[name] = value
	}
}

// get is the value of name under any spelling.
func (e *environment) get(name string) (string, bool) {
	if value, ok := e.vars[name]; ok {
		return value, true
	}
	if setting := npmSetting(name); setting != "" {
		for have, value := range e.vars {
			if npmSetting(have) == setting {
				return value, true
			}
		}
	}
	return "", false
}

// prepend puts dir before the search path.
func (e *environment) prepend(dir string) { e.vars["PATH"] = command.Before(e.vars["PATH"], dir) }

// enabled reports whether the user set name to something other than "false" or "".
func (e *environment) enabled(name string) bool {
	value := e.user[name]
	return value != "" && value != "false"
}

// defaults are what every tool of a build runs with.
func (e *environment) defaults() {
	for name, value := range map[string]string{
		"CI":                         "true",
		"NODE_ENV":                   "production",
		"NODE_OPTIONS":               "--max_old_space_size=2560",
		"NODE_VERBOSE":               "false",
		"PYTHONDONTWRITEBYTECODE":    "1",
		"npm_config_audit":           "false",
		"npm_config_fund":            "false",
		"npm_config_progress":        "false",
		"npm_config_update_notifier": "false",
		"npm_config_fetch_retries":   "5",
		"npm_config_logs_max":        "0",
	} {
		e.fallback(name, value)
	}
}
