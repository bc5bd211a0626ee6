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

// RegistrySetting is the variable in which the platform names the machine's registry. npm's own variable would
// also reach the tools of other languages' builds, where it would beat the registry of the app's .npmrc.
const RegistrySetting = "SLUGC_NPM_REGISTRY"

// environment is what tools and scripts run with: the platform's environment, then the user's
// configuration, then what the buildpack sets. A default never replaces a value of the user, of the
// platform or of the app's files ([environment.yield]).
type environment struct {
	vars   command.Env
	user   map[string]string // the user's, without what is refused
	forced map[string]bool   // what the buildpack sets, whatever the app's files say
}

func newEnvironment(environ []string, user map[string]string) *environment {
	e := &environment{
		vars: command.NewEnv(environ, internal...), user: map[string]string{}, forced: map[string]bool{},
	}
	for _, entry := range environ {
		if registry, ok := strings.CutPrefix(entry, RegistrySetting+"="); ok {
			e.fallback("npm_config_registry", registry)
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

// canonical returns the one spelling by which variables are compared. npm, pnpm and Yarn ignore the case of
// their own, so two spellings would compete.
func canonical(name string) string {
	lower := strings.ToLower(name)
	for _, prefix := range []string{"npm_config_", "pnpm_config_", "yarn_"} {
		if strings.HasPrefix(lower, prefix) {
			return strings.ReplaceAll(lower, "-", "_")
		}
	}
	return name
}

// drop removes name in every spelling.
func (e *environment) drop(name string) {
	for have := range e.vars {
		if canonical(have) == canonical(name) {
			delete(e.vars, have)
		}
	}
}

// set overwrites name.
func (e *environment) set(name, value string) {
	e.drop(name)
	e.vars[name], e.forced[name] = value, true
}

// insist sets name, whatever the app's files say, unless the user has.
func (e *environment) insist(name, value string) {
	for have := range e.user {
		if canonical(have) == canonical(name) {
			return
		}
	}
	e.set(name, value)
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
	for have, value := range e.vars {
		if canonical(have) == canonical(name) {
			return value, true
		}
	}
	return "", false
}

// yield removes the defaults, the machine's among them, of which gone is true.
func (e *environment) yield(gone func(name string) bool) {
	for name := range e.vars {
		if _, own := e.user[name]; !own && !e.forced[name] && gone(name) {
			delete(e.vars, name)
		}
	}
}

// enabled reports whether the user set name to something other than "false" or "".
func (e *environment) enabled(name string) bool {
	value := e.user[name]
	return value != "" && value != "false"
}

// defaults sets what every tool of a build runs with. CI is not among it: a build is no test, and tools such as
// react-scripts then take every warning for an error. Nothing can ask, because standard input is closed.
func (e *environment) defaults() {
	for name, value := range map[string]string{
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
