package node

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// berryNetwork are variables that Yarn 2 and newer does not read, and its own for the same. Node itself reads
// NODE_EXTRA_CA_CERTS. Yarn 4 renamed caFilePath.
var berryNetwork = []struct{ from, to string }{
	{"npm_config_registry", "YARN_NPM_REGISTRY_SERVER"},
	{"HTTP_PROXY", "YARN_HTTP_PROXY"},
	{"http_proxy", "YARN_HTTP_PROXY"},
	{"HTTPS_PROXY", "YARN_HTTPS_PROXY"},
	{"https_proxy", "YARN_HTTPS_PROXY"},
	{"npm_config_cafile", "YARN_HTTPS_CA_FILE_PATH"},
	{"npm_config_cafile", "YARN_CA_FILE_PATH"},
}

// knownTo returns what reports whether a program of Yarn 2 or newer has the setting that a YARN_ variable is
// for. Its text has the definition of each: httpRetry:{description:"…"}. A program whose text is written in
// another way counts as one that knows the settings of Yarn 4.
func knownTo(program []byte) func(variable string) bool {
	defines := func(setting string) bool {
		return regexp.MustCompile(`\b` + setting + `["']?:\s*\{\s*description`).Match(program)
	}
	legible := defines("cacheFolder")
	return func(variable string) bool {
		name, _ := strings.CutPrefix(canonical(variable), "yarn_")
		setting := camelCase(strings.ReplaceAll(name, "_", "-"))
		if !legible {
			return setting != "caFilePath"
		}
		return defines(setting)
	}
}

// berry is Yarn 2 and newer. It refuses to run with a YARN_ variable that its version does not know.
func (b *work) berry(store, version string, known func(variable string) bool) (manager, error) {
	if _, set := b.env.user["YARN_PRODUCTION"]; set {
		return manager{}, &diagnosis.Diagnosis{
			ID:      "node/yarn-production",
			Summary: "YARN_PRODUCTION is set, and Yarn 2 and newer refuse to run with it.",
			Hints: []string{
				"remove YARN_PRODUCTION from the build configuration",
				"set YARN2_SKIP_PRUNING=true to keep development dependencies",
			},
		}
	}
	b.berrySettings(store, known)
	m := manager{
		install: [][]string{{"yarn", "install", "--inline-builds"}},
		prune:   [][]string{{"yarn", "workspaces", "focus", "--production", "--all"}},
		run:     []string{"yarn", "run"},
		exec:    []string{"yarn", "run"},
		start:   "yarn start",
	}
	if b.app.Lockfile != "" {
		m.install[0] = append(m.install[0], "--immutable")
	}
	if b.app.ZeroInstall {
		m.install[0] = append(m.install[0], "--immutable-cache")
	}
	plugin := tree.IsFile(b.inProject(".yarn/plugins/@yarnpkg/plugin-workspace-tools.cjs"))
	if !atLeast(version, "4.0.0") && !plugin {
		m.prune = nil
		m.noPrune = fmt.Sprintf("yarn %s has no `workspaces focus` without its workspace-tools plugin", version)
		m.whole = b.app.Workspace != nil
	} else if b.app.Workspace != nil {
		m.install = [][]string{{"yarn", "workspaces", "focus", "--all"}}
		if b.app.Lockfile != "" { // focus takes a lock file as it is, and --immutable wants all members
			m.check = []string{"yarn", "install", "--no-immutable", "--mode=update-lockfile"}
		}
	}
	return m, nil
}

// berrySettings sets the YARN_ variables that this version knows.
func (b *work) berrySettings(store string, known func(variable string) bool) {
	set := func(name, value string) {
		if known(name) {
			b.env.set(name, value)
		}
	}
	fallback := func(name, value string) {
		if known(name) {
			b.env.fallback(name, value)
		}
	}
	set("YARN_ENABLE_TELEMETRY", "0")
	set("YARN_ENABLE_GLOBAL_CACHE", "false")
	set("YARN_ENABLE_MIRROR", "false")
	fallback("YARN_ENABLE_PROGRESS_BARS", "false")
	fallback("YARN_ENABLE_MESSAGE_NAMES", "true")
	for name, value := range yarnPatience {
		fallback(name, value)
	}
	set("YARN_GLOBAL_FOLDER", filepath.Join(store, "global"))
	if !b.app.ZeroInstall && b.app.NodeLinker != "pnp" { // Plug'n'Play runs from the archives in the app
		set("YARN_CACHE_FOLDER", filepath.Join(store, "cache"))
	}
	if b.app.Lockfile == "" {
		fallback("YARN_ENABLE_IMMUTABLE_INSTALLS", "false") // where the user sets CI, Yarn would make no lock file
	}
	for _, pass := range berryNetwork {
		if value, ok := b.env.get(pass.from); ok && value != "" {
			fallback(pass.to, value)
		}
	}
}

var yarnFile = lazyregexp.New(`^yarn-([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*)\.[cm]?js$`)

// yarnPathVersion reads the version out of a checked-in yarn's file name:
// ".yarn/releases/yarn-4.9.1.cjs".
func yarnPathVersion(file string) string {
	if m := yarnFile.FindStringSubmatch(path.Base(file)); m != nil {
		return m[1]
	}
	return "unknown"
}
