package clojure

import (
	"net/url"
	"slices"
	"strings"

	"slugc/buildpacks/command"
)

// refused are the variables of the user's configuration that never reach a tool, because they would
// change how the build itself works.
var refused = []string{"PATH", "GIT_DIR", "CPATH", "CPPATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "LIBRARY_PATH",
	"LANG", "BUILD_DIR", "HOME", "JAVA_HOME", "JAVA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH",
	"JAVA_CMD", "LEIN_JAVA_CMD", "LEIN_HOME", "LEIN_JAR", "TRAMPOLINE_FILE", "CLJ_CONFIG", "CLJ_CACHE", "GITLIBS"}

// internal are the prefixes of this process's variables that tools must not see.
var internal = []string{"CNB_", "SLUGC_", "XDG_", "GIT_", "JAVA_", "JDK_", "LEIN_", "CLJ_", "CLASSPATH"}

// environment is the environment of the tools. In order of precedence it comes from the buildpack,
// the user's configuration and the platform.
type environment struct {
	vars command.Env
	user map[string]string // the user's configuration, without refused variables
}

// newEnvironment joins the platform's environment ("NAME=value" each) and the user's configuration.
func newEnvironment(environ []string, config map[string]string) *environment {
	e := &environment{vars: command.NewEnv(environ, internal...), user: map[string]string{}}
	for name, value := range config {
		if !slices.Contains(refused, name) && !strings.HasPrefix(name, "SLUGC_") {
			e.user[name], e.vars[name] = value, value
		}
	}
	return e
}

// setDefault sets a variable that the user has not set.
func (e *environment) setDefault(name, value string) {
	if _, ok := e.user[name]; !ok {
		e.vars[name] = value
	}
}

// mirrorOf returns the URL of the machine's Maven repository; "" if there is none.
func mirrorOf(environ []string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, MirrorEnv+"="); ok {
			return strings.TrimRight(strings.TrimSpace(value), "/")
		}
	}
	return ""
}

// password returns the password in a URL, decoded and as it is written.
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
