package ruby

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/detect/lazyregexp"
)

// refused matches variables of the user's configuration that never reach a tool, because they would
// change how the build itself works.
var refused = lazyregexp.New(`^(?:PATH|HOME|LANG|LD_.*|LIBRARY_PATH|CPATH|BUILD_DIR|` +
	`GIT_(?:DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|COMMON_DIR)|GEM_(?:PATH|HOME)|RUBY(?:OPT|LIB)|` +
	`JRUBY_OPTS|JAVA_OPTS|JAVA_TOOL_OPTIONS|BUNDLER_VERSION|BUNDLE_(?:PATH.*|APP_CONFIG|GEMFILE|DEPLOYMENT|` +
	`FROZEN|BIN|CLEAN|USER_.*|SYSTEM_BINDIR|IGNORE_CONFIG)|CNB_.*|SLUGC_.*)$`)

// internal matches variables of this process that tools must not see.
var internal = lazyregexp.New(`^(?:CNB_.*|SLUGC_.*|XDG_.*|GIT_(?:DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|` +
	`ALTERNATE_OBJECT_DIRECTORIES|QUARANTINE_PATH|COMMON_DIR|NAMESPACE|PREFIX)|RUBYOPT|RUBYLIB|GEM_HOME|GEM_PATH|` +
	`BUNDLE_GEMFILE|BUNDLE_APP_CONFIG|BUNDLE_PATH|BUNDLER_.*)$`)

// installing matches variables of the user's configuration that determine where gems come from and
// how they are compiled. An install gets these and the variables that the Gemfile names, and no
// others: the scripts of 200 gems must not see the secrets of the running app.
var installing = lazyregexp.New(`^(?:BUNDLE_.*|GEM_.*|RUBY.*|NOKOGIRI_.*|GIT_CONFIG_.*|GIT_SSL_.*|GIT_ASKPASS|` +
	`GIT_SSH.*|CC|CXX|CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS|MAKE|MAKEFLAGS|PKG_CONFIG.*|NO_PROXY|HTTPS?_PROXY|` +
	`https?_proxy|no_proxy|SSL_CERT_.*)$`)

// environment is the environment of the tools. In order of precedence it comes from the buildpack,
// the user's configuration and the platform.
type environment struct {
	vars    command.Env       // the platform's and ours
	user    map[string]string // the user's, without refused variables
	forced  map[string]bool   // the variables that the user can't change
	gemfile map[string]bool   // variables that the Gemfile names
	mirror  string            // the machine's gem source
	secrets []string          // values that must not be printed
	refused []string          // the user's variables that the build does not take, sorted
}

var gemfileEnv = lazyregexp.New(`ENV(?:\.fetch\(|\[)\s*["']([A-Za-z_][A-Za-z0-9_]*)["']`)

func newEnvironment(environ []string, config map[string]string, gemfile string) *environment {
	e := &environment{
		vars:    command.Env{},
		user:    map[string]string{},
		forced:  map[string]bool{},
		gemfile: map[string]bool{},
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if name == MirrorEnv {
			e.mirror = value
			e.secrets = append(e.secrets, passwordOf(value)...)
		}
		if !internal.MatchString(name) {
			e.vars[name] = value
		}
	}
	for _, m := range gemfileEnv.FindAllStringSubmatch(gemfile, -1) {
		e.gemfile[m[1]] = true
	}
	for name, value := range config {
		if !refused.MatchString(name) {
			e.user[name] = value
			e.secrets = append(e.secrets, secretsIn(name, value)...)
		} else if !granted(name, value) {
			e.refused = append(e.refused, name)
		}
	}
	slices.Sort(e.refused)
	return e
}

// granted reports whether the build does what a refused variable asks for, or takes it from elsewhere.
func granted(name, value string) bool {
	switch name {
	case "BUNDLE_GEMFILE": // the detector reads it
		return true
	case "BUNDLE_DEPLOYMENT", "BUNDLE_FROZEN":
		return value == "true" || value == "1"
	}
	return strings.HasPrefix(name, "CNB_") || strings.HasPrefix(name, "SLUGC_")
}

// atLaunch are the user's settings of Bundler that decide which gems it loads: it must have them at launch too.
var atLaunch = []string{"BUNDLE_WITH", "BUNDLE_ONLY", "BUNDLE_FORCE_RUBY_PLATFORM", "BUNDLE_SPECIFIC_PLATFORM"}

// secretsIn returns the secrets in a variable's value. The password of Bundler's credentials is one
// by itself, because it may be printed alone.
func secretsIn(name, value string) (secrets []string) {
	value = strings.TrimSpace(value)
	if !credential(name) && !command.IsSecret(name) || len(value) < 6 {
		return nil
	}
	secrets = append(secrets, value)
	if _, password, ok := strings.Cut(value, ":"); ok && credential(name) && len(password) >= 4 {
		secrets = append(secrets, password)
	}
	return secrets
}

// passwordOf returns the password in a URL, if there is one.
func passwordOf(address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	if password, ok := u.User.Password(); ok && len(password) >= 4 {
		return []string{password}
	}
	return nil
}

// credential reports whether a variable holds Bundler's credentials for a host:
// BUNDLE_GEMS__EXAMPLE__COM.
func credential(name string) bool {
	host, ok := strings.CutPrefix(name, "BUNDLE_")
	setting := func(prefix string) bool { return strings.HasPrefix(host, prefix) }
	return ok && strings.Contains(host, "__") &&
		!slices.ContainsFunc([]string{"MIRROR__", "BUILD__", "LOCAL__", "GEM__"}, setting)
}

// hostKey encodes a host or a URL as part of a variable's name, as Bundler does.
func hostKey(host string) string {
	return strings.ToUpper(strings.ReplaceAll(strings.ReplaceAll(host, "-", "___"), ".", "__"))
}

// force sets a variable that the user can't change.
func (e *environment) force(name, value string) {
	e.vars[name], e.forced[name] = value, true
}

// fallback sets a variable that the platform has not set.
func (e *environment) fallback(name, value string) {
	if _, ok := e.vars[name]; !ok {
		e.vars[name] = value
	}
}

// get returns a variable's value for the app's own programs.
func (e *environment) get(name string) string {
	if value, ok := e.user[name]; ok && !e.forced[name] {
		return value
	}
	return e.vars[name]
}

// prepend puts directories in front of a search path.
func (e *environment) prepend(name string, dirs ...string) {
	e.force(name, command.Before(e.vars[name], dirs...))
}

// enabled reports whether the user set name to something other than "false", "0" or "".
func (e *environment) enabled(name string) bool {
	value := e.user[name]
	return value != "" && value != "false" && value != "0"
}

// list returns the environment as [command.Command] takes it, sorted: all of it for the app's own
// programs, or the part for an install.
func (e *environment) list(all bool) []string {
	vars := maps.Clone(e.vars)
	for name, value := range e.user {
		if !e.forced[name] && (all || installing.MatchString(name) || e.gemfile[name]) {
			vars[name] = value
		}
	}
	return vars.List()
}

// look finds a program on the build's PATH, which is not that of this process. It returns "" if
// there is none.
func (e *environment) look(name string) string { return e.vars.Look(name) }
