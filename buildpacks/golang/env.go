package golang

import (
	"cmp"
	"runtime"
	"slices"
	"strings"

	"slugc/buildpacks/command"
)

// allowed are the variables of the user's configuration that reach the go command and the hooks.
// All others stay out, so that a secret meant for the running app is not compiled in (languages.md
// 1.2). The second group is what Heroku's list lacks.
var allowed = []string{
	"CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_LDFLAGS", "GO_LINKER_SYMBOL", "GO_LINKER_VALUE", "GOFLAGS", "GOPROXY", "GOPRIVATE",
	"GONOPROXY", "GOVERSION", "GO_INSTALL_PACKAGE_SPEC", "GO_INSTALL_TOOLS_IN_IMAGE", "GO_SETUP_GOPATH_FOR_MODULE_CACHE", "GO_TEST_SKIP_BENCHMARK",

	"CC", "CXX", "CGO_ENABLED", "CGO_CFLAGS_ALLOW", "CGO_LDFLAGS_ALLOW", "GO386", "GOAMD64", "GOARM", "GOARM64", "GOAUTH", "GOEXPERIMENT", "GOFIPS140",
	"GOINSECURE", "GONOSUMCHECK", "GONOSUMDB", "GOSUMDB", "GOVCS", "NETRC", "PKG_CONFIG", "PKG_CONFIG_PATH", "SOURCE_VERSION",
}

// internal are variables of this process, by prefix, that would lead a tool astray or that are none
// of its business.
var internal = []string{
	"CNB_",
	"SLUGC_",
	"XDG_",
	"GIT_DIR",
	"GIT_WORK_TREE",
	"GIT_INDEX_FILE",
	"GIT_OBJECT_DIRECTORY",
	"GIT_ALTERNATE_OBJECT_DIRECTORIES",
	"GIT_QUARANTINE_PATH",
	"GIT_COMMON_DIR",
	"GIT_NAMESPACE",
	"GIT_PREFIX",
	"GOOS",
	"GOARCH",
	"GOBIN",
}

// environment is what tools run with: the platform's explicit environment, then what is allowed of
// the user's configuration, then what the buildpack sets.
type environment struct {
	vars    map[string]string
	user    map[string]string // the allowed part of the user's configuration
	secrets []string          // values that must not be printed
}

// newEnvironment joins the platform's environment ("NAME=value" each) and the user's configuration.
// In the user's values `${build_dir}` stands for the app's directory.
func newEnvironment(environ []string, config map[string]string, appDir string) *environment {
	e := &environment{vars: map[string]string{}, user: map[string]string{}}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !slices.ContainsFunc(internal, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			e.vars[name] = value
		}
	}
	for _, name := range allowed {
		if value, ok := config[name]; ok {
			value = strings.ReplaceAll(strings.TrimSpace(value), "${build_dir}", appDir)
			e.user[name], e.vars[name] = value, value
		}
	}
	e.addCredentials(config)
	return e
}

// set sets name, whatever it was.
func (e *environment) set(name, value string) { e.vars[name] = value }

// prepend puts dir before the search path.
func (e *environment) prepend(dir string) {
	e.vars["PATH"] = command.Before(e.vars["PATH"], dir)
}

// enabled reports whether the user set name to something other than "false", "0" or "".
func (e *environment) enabled(name string) bool {
	value := e.user[name]
	return value != "" && value != "false" && value != "0"
}

// compiler sets what the go command is to be, whoever runs it.
func (e *environment) compiler(goRoot, goCache string) {
	for name, value := range map[string]string{"GOENV": "off", "GOTOOLCHAIN": "local", "GO111MODULE": "on", "GOROOT": goRoot, "GOCACHE": goCache} {
		e.set(name, value)
	}
}

// cCompiler is the C compiler that the go command runs where none is named.
const cCompiler = "gcc"

// target sets what is compiled for: the platform's target ("" is this machine), and cgo where the
// user has not decided. The go command's own default for cgo differs between releases. It reports
// false where cgo is off for want of a C compiler.
func (e *environment) target(goos, goarch string) bool {
	e.set("GOOS", cmp.Or(goos, runtime.GOOS))
	e.set("GOARCH", cmp.Or(goarch, runtime.GOARCH))
	if _, decided := e.vars["CGO_ENABLED"]; decided {
		return true
	}
	if e.look(firstWord(cmp.Or(e.vars["CC"], cCompiler))) != "" && e.vars["GOARCH"] == runtime.GOARCH {
		e.set("CGO_ENABLED", "1")
		return true
	}
	e.set("CGO_ENABLED", "0")
	return false
}

// look finds a program on the build's own PATH, which is not this process's. It returns "" where
// there is none.
func (e *environment) look(name string) string { return command.Look(e.vars["PATH"], name) }

// list is the environment as exec wants it, sorted.
func (e *environment) list() []string { return command.Environ(e.vars) }
