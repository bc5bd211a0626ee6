package clojure

import (
	"net/url"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/detect/lazyregexp"
)

// refused are the variables of the user's configuration that do not reach the build: they would
// lead its tools astray (languages.md 1.2).
var refused = []string{"PATH", "GIT_DIR", "CPATH", "CPPATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "LIBRARY_PATH",
	"LANG", "BUILD_DIR", "HOME", "JAVA_HOME", "JAVA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH",
	"JAVA_CMD", "LEIN_JAVA_CMD", "LEIN_HOME", "LEIN_JAR", "TRAMPOLINE_FILE", "CLJ_CONFIG", "CLJ_CACHE", "GITLIBS"}

// internal are variables of this process, by prefix, that are no tool's business.
var internal = []string{"CNB_", "SLUGC_", "XDG_", "GIT_", "JAVA_", "JDK_", "LEIN_", "CLJ_", "CLASSPATH"}

// secretName matches the names of variables whose values are not to be printed.
var secretName = lazyregexp.New(`(?i)PASSW|SECRET|TOKEN|CREDENTIAL|_KEY$`)

// environment is what tools run with: the platform's explicit environment, then what is allowed of
// the user's configuration, then what the buildpack sets.
type environment struct {
	vars    map[string]string
	user    map[string]string // the allowed part of the user's configuration
	secrets []string          // values that must not be printed
}

// newEnvironment joins the platform's environment ("NAME=value" each) and the user's configuration.
func newEnvironment(environ []string, config map[string]string) *environment {
	e := &environment{vars: map[string]string{}, user: map[string]string{}}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !slices.ContainsFunc(internal, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			e.vars[name] = value
		}
	}
	for name, value := range config {
		if slices.Contains(refused, name) || strings.HasPrefix(name, "SLUGC_") {
			continue
		}
		e.user[name], e.vars[name] = value, value
		if secretName.MatchString(name) && len(value) >= 6 {
			e.secrets = append(e.secrets, value)
		}
	}
	slices.SortFunc(e.secrets, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
	return e
}

// setDefault sets name where the user has not.
func (e *environment) setDefault(name, value string) {
	if _, ok := e.user[name]; !ok {
		e.vars[name] = value
	}
}

// prepend puts directories before the search path.
func (e *environment) prepend(dirs ...string) {
	e.vars["PATH"] = command.Before(e.vars["PATH"], dirs...)
}

// look finds a program on the build's own PATH, which is not this process's. It returns "" where
// there is none.
func (e *environment) look(name string) string { return command.Look(e.vars["PATH"], name) }

func mirrorOf(environ []string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, MirrorEnv+"="); ok {
			return strings.TrimRight(strings.TrimSpace(value), "/")
		}
	}
	return ""
}

// password is the password in a URL, as it is and as it is written there.
func password(addr string) []string {
	u, err := url.Parse(addr)
	if err != nil || u.User == nil {
		return nil
	}
	plain, ok := u.User.Password()
	if !ok || plain == "" {
		return nil
	}
	_, written, _ := strings.Cut(u.User.String(), ":")
	return []string{plain, written}
}
