package node

import (
	"slices"
	"strings"

	"slugc/buildpacks/command"
)

// unsafe are variables of the user's configuration that never reach a tool: they would change the
// build itself. They are those that Heroku's buildpacks leave out.
var unsafe = []string{"PATH", "GIT_DIR", "CPATH", "CPPATH", "LD_PRELOAD", "LIBRARY_PATH", "LANG", "BUILD_DIR"}

// internal are variables of this process, by prefix, that no script should see.
var internal = []string{"GIT_DIR", "CNB_", "SLUGC_"}

// environment is what tools and scripts run with: the platform's environment, then the user's
// configuration, then what the buildpack sets. A default never replaces a value of the user or the
// platform.
type environment struct {
	vars command.Env
	user map[string]string // the user's, without what is refused
}

func newEnvironment(environ []string, user map[string]string) *environment {
	e := &environment{vars: command.NewEnv(environ, internal...), user: map[string]string{}}
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

// drop removes name and, for an npm setting, every spelling of its name: npm ignores case, and two
// spellings would compete.
func (e *environment) drop(name string) {
	for have := range e.vars {
		if have == name || npmSetting(have) != "" && npmSetting(have) == npmSetting(name) {
			delete(e.vars, have)
		}
	}
}

// npmSetting returns the setting that an npm_config_ variable names, or "".
func npmSetting(name string) string {
	setting, ok := strings.CutPrefix(strings.ToLower(name), "npm_config_")
	if !ok {
		return ""
	}
	return strings.ReplaceAll(setting, "-", "_")
}

// set overwrites name.
func (e *environment) set(name, value string) {
	e.drop(name)
	e.vars[name] = value
}

// fallback sets name unless the user or the platform has.
func (e *environment) fallback(name, value string) {
	if _, ok := e.get(name); !ok {
		e.vars[name] = value
	}
}

// get returns the value of name under any spelling.
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

// enabled reports whether the user set name to something other than "false" or "".
func (e *environment) enabled(name string) bool {
	value := e.user[name]
	return value != "" && value != "false"
}

// defaults sets what every tool of a build runs with.
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
		"npm_config_logs_max":        "0",
	} {
		e.fallback(name, value)
	}
}
