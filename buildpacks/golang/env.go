package golang

import (
	"cmp"
	"maps"
	"runtime"
	"strings"

	"slugc/buildpacks/command"
)

// allowed are the variables of the user's configuration that reach the go command and the hooks.
// All others stay out, so that a secret of the running app is not compiled in. The first group is
// that of Heroku's Go buildpack.
var allowed = []string{
	"CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_LDFLAGS", "GO_LINKER_SYMBOL", "GO_LINKER_VALUE", "GOFLAGS",
	"GOPROXY", "GOPRIVATE", "GONOPROXY", "GOVERSION", "GO_INSTALL_PACKAGE_SPEC", "GO_INSTALL_TOOLS_IN_IMAGE",
	"GO_SETUP_GOPATH_FOR_MODULE_CACHE", "GO_TEST_SKIP_BENCHMARK",

	"CC", "CXX", "CGO_ENABLED", "CGO_CFLAGS_ALLOW", "CGO_LDFLAGS_ALLOW", "GO386", "GOAMD64", "GOARM", "GOARM64",
	"GOAUTH", "GOEXPERIMENT", "GOFIPS140", "GOINSECURE", "GONOSUMCHECK", "GONOSUMDB", "GOSUMDB", "GOVCS", "NETRC",
	"PKG_CONFIG", "PKG_CONFIG_PATH", "SOURCE_VERSION",
}

// internal are variables of this process, by prefix, that would mislead a tool or that it must not
// see.
var internal = []string{
	"CNB_", "SLUGC_", "XDG_", "GOOS", "GOARCH", "GOBIN",
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
	"GIT_QUARANTINE_PATH", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX",
}

// environment is what tools run with: the platform's environment, then what is allowed of the
// user's configuration, then what the buildpack sets.
type environment struct {
	vars    command.Env
	user    map[string]string // the allowed part of the user's configuration
	secrets []string          // values that must not be printed
}

// newEnvironment joins the platform's environment ("NAME=value" each) and the user's configuration.
// In the user's values `${build_dir}` stands for the app's directory.
func newEnvironment(environ []string, config map[string]string, appDir string) *environment {
	e := &environment{vars: command.NewEnv(environ, internal...), user: map[string]string{}}
	for _, name := range allowed {
		if value, ok := config[name]; ok {
			value = strings.ReplaceAll(strings.TrimSpace(value), "${build_dir}", appDir)
			e.user[name], e.vars[name] = value, value
		}
	}
	e.addCredentials(config)
	return e
}

// enabled reports whether the user set name to something other than "false", "0" or "".
func (e *environment) enabled(name string) bool {
	value := e.user[name]
	return value != "" && value != "false" && value != "0"
}

// setCompiler sets what every go command runs with.
func (e *environment) setCompiler(goRoot, goCache string) {
	maps.Copy(e.vars, command.Env{
		"GOENV": "off", "GOTOOLCHAIN": "local", "GO111MODULE": "on", "GOROOT": goRoot, "GOCACHE": goCache,
	})
}

// cCompiler is the C compiler that the go command runs where none is named.
const cCompiler = "gcc"

// setTarget sets what to compile for, the platform's target ("" is this machine), and cgo where the
// user has not decided: the go command's own default differs between releases. It returns false
// where cgo is off because there is no C compiler.
func (e *environment) setTarget(goos, goarch string) bool {
	e.vars["GOOS"], e.vars["GOARCH"] = cmp.Or(goos, runtime.GOOS), cmp.Or(goarch, runtime.GOARCH)
	if _, decided := e.vars["CGO_ENABLED"]; decided {
		return true
	}
	if e.vars.Look(firstWord(cmp.Or(e.vars["CC"], cCompiler))) != "" && e.vars["GOARCH"] == runtime.GOARCH {
		e.vars["CGO_ENABLED"] = "1"
		return true
	}
	e.vars["CGO_ENABLED"] = "0"
	return false
}
