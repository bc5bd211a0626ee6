package node

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/Masterminds/semver/v3"
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/tree"
	"slugc/cache/disk"
	"slugc/detect/lazyregexp"
)

// manager is a package manager as it is used for this app: its commands and settings.
type manager struct {
	name       string // as in detect.NodeApp.Manager
	version    string
	install    [][]string        // commands that make the whole tree, development dependencies included
	prune      [][]string        // commands that leave what a running app needs; nil where this version has none
	pruneEmpty bool              // prune installs again, into no trees: [carry] brings over what scripts made
	noPrune    string            // why prune is nil
	launch     map[string]string // environment defaults of a running app
	run        []string          // words before a script's name
	flags      []string          // words between a script's name and its flags
	start      string            // the command line of the start script
}

// toolOf returns the toolchain of a manager.
func toolOf(name string) string {
	if name == "berry" {
		return "yarn"
	}
	return name
}

// managerOf returns the app's package manager in a version and puts its settings into the
// environment. Its download store is in a cache layer. The lock file's checksums verify what the
// store holds, so it serves whatever changed. All but Yarn 1 put whole files there.
func (b *work) managerOf(version string) (manager, error) {
	store, err := b.Layer(toolOf(b.app.Manager) + "-cache")
	if err != nil {
		return manager{}, err
	}
	if b.app.Manager == "yarn" {
		b.ContributeStore(store)
	} else {
		b.Contribute(store, libcnb.LayerTypes{Cache: true})
	}
	b.store = store.Path
	b.setPatience()
	var m manager
	switch b.app.Manager {
	case "npm":
		m = b.npm(store.Path)
	case "yarn":
		m = b.yarn1(store.Path)
	case "berry":
		if m, err = b.berry(store.Path, version); err != nil {
			return m, err
		}
	case "pnpm":
		m = b.pnpm(store.Path, version)
	case "bun":
		m = b.bun(store.Path)
	default:
		return m, fmt.Errorf("choosing the package manager: unknown %q", b.app.Manager)
	}
	m.name, m.version = b.app.Manager, version
	return m, nil
}

// maxStore is how large the download store may be when an install starts, in bytes. Of the package
// managers only pnpm knows which downloads are no longer used.
const maxStore = 4 << 30

// boundStore empties a download store that years of updates have filled: the install that follows
// fetches what the app needs.
func (b *work) boundStore() error {
	size, err := disk.Size(b.store)
	if err != nil || size <= maxStore {
		return nil // a store that can't be measured is the package manager's to refuse
	}
	b.Log.Detail("The packages that earlier builds fetched fill %d MB: they are fetched again", size>>20)
	entries, err := os.ReadDir(b.store)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(b.store, entry.Name())))
	}
	if err != nil {
		return fmt.Errorf("emptying the download store: %w", err)
	}
	return nil
}

func (b *work) npm(store string) manager {
	b.env.set("npm_config_cache", store)
	// the registry that served a package is no part of a slug
	b.env.fallback("npm_config_omit_lockfile_registry_resolved", "true")
	m := manager{
		install: [][]string{{"npm", "ci", "--include=dev"}},
		prune:   [][]string{{"npm", "prune", "--omit=dev", "--ignore-scripts"}},
		run:     []string{"npm", "run"},
		flags:   []string{"--"},
		start:   "npm start",
	}
	switch {
	case b.app.NodeModules:
		m.install = [][]string{{"npm", "rebuild"}, {"npm", "install", "--include=dev"}}
	case b.app.Lockfile == "" || b.env.enabled("USE_NPM_INSTALL"):
		m.install = [][]string{{"npm", "install", "--include=dev"}}
	}
	return m
}

func (b *work) yarn1(store string) manager {
	b.env.set("YARN_CACHE_FOLDER", store)
	b.env.set("YARN_ENABLE_TELEMETRY", "0")
	common := []string{"--ignore-engines", "--prefer-offline", "--non-interactive"}
	if b.app.Lockfile != "" {
		common = append(common, "--frozen-lockfile")
	}
	return manager{
		install:    [][]string{append([]string{"yarn", "install", "--production=false"}, common...)},
		prune:      [][]string{append([]string{"yarn", "install", "--production", "--ignore-scripts"}, common...)},
		pruneEmpty: true, // in place it would write packages again that a script has changed
		run:        []string{"yarn", "run"},
		start:      "yarn start",
	}
}

func (b *work) berry(store, version string) (manager, error) {
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
	b.env.set("YARN_ENABLE_TELEMETRY", "0")
	b.env.set("YARN_ENABLE_GLOBAL_CACHE", "false")
	b.env.set("YARN_ENABLE_MIRROR", "false")
	b.env.fallback("YARN_ENABLE_PROGRESS_BARS", "false")
	b.env.fallback("YARN_ENABLE_MESSAGE_NAMES", "true")
	b.env.set("YARN_GLOBAL_FOLDER", filepath.Join(store, "global"))
	if !b.app.ZeroInstall && b.app.NodeLinker != "pnp" { // Plug'n'Play runs from the archives in the app
		b.env.set("YARN_CACHE_FOLDER", filepath.Join(store, "cache"))
	}
	for from, to := range map[string]string{
		"npm_config_registry": "YARN_NPM_REGISTRY_SERVER",
		"HTTP_PROXY":          "YARN_HTTP_PROXY",
		"HTTPS_PROXY":         "YARN_HTTPS_PROXY",
		"NODE_EXTRA_CA_CERTS": "YARN_HTTPS_CA_FILE_PATH",
	} {
		if value, ok := b.env.get(from); ok && value != "" {
			b.env.fallback(to, value)
		}
	}
	m := manager{
		install: [][]string{{"yarn", "install", "--inline-builds"}},
		prune:   [][]string{{"yarn", "workspaces", "focus", "--production", "--all"}},
		run:     []string{"yarn", "run"},
		start:   "yarn start",
	}
	if b.app.Lockfile != "" {
		m.install[0] = append(m.install[0], "--immutable")
	}
	if b.app.ZeroInstall {
		m.install[0] = append(m.install[0], "--immutable-cache")
	}
	plugin := tree.IsFile(b.Path(".yarn/plugins/@yarnpkg/plugin-workspace-tools.cjs"))
	if !atLeast(version, "4.0.0") && !plugin {
		m.prune = nil
		m.noPrune = fmt.Sprintf("yarn %s has no `workspaces focus` without its workspace-tools plugin", version)
	}
	return m, nil
}

func (b *work) pnpm(store, version string) manager {
	prefix := "npm_config_"
	m := manager{
		install: [][]string{{"pnpm", "install", "--prod=false"}},
		prune:   [][]string{{"pnpm", "install", "--prod", "--ignore-scripts", "--prefer-offline"}},
		// `pnpm prune` removes the trees too, and versions before 8.15.6 run the app's scripts again
		pruneEmpty: true,
		run:        []string{"pnpm", "run"},
		start:      "pnpm start",
	}
	if atLeast(version, "11.0.0") {
		prefix = "pnpm_config_"
		// The app has moved since its install, so pnpm would install it again. slugc chooses pnpm's
		// version.
		m.launch = map[string]string{"pnpm_config_verify_deps_before_run": "false", "pnpm_config_pm_on_fail": "ignore"}
		b.env.set("pnpm_config_pm_on_fail", "ignore")
		b.env.set("pnpm_config_verify_deps_before_run", "false")
		b.env.set("pnpm_config_enable_global_virtual_store", "false")
		if registry, ok := b.env.get("npm_config_registry"); ok {
			b.env.fallback("pnpm_config_registry", registry)
		}
	}
	b.env.set(prefix+"manage_package_manager_versions", "false")
	b.env.set(prefix+"store_dir", store)
	// a hard link would let a build script write into the store
	b.env.set(prefix+"package_import_method", "clone-or-copy")
	// it keeps what install scripts built, whatever their settings were
	b.env.set(prefix+"side_effects_cache", "false")
	if b.app.Lockfile != "" {
		m.install[0] = append(m.install[0], "--frozen-lockfile")
		m.prune[0] = append(m.prune[0], "--frozen-lockfile")
	}
	return m
}

func (b *work) bun(store string) manager {
	b.env.set("BUN_INSTALL_CACHE_DIR", store)
	common := []string{"--backend=copyfile", "--no-progress"}
	if b.app.Lockfile != "" {
		common = append(common, "--frozen-lockfile")
	}
	return manager{
		install:    [][]string{append([]string{"bun", "install"}, common...)},
		prune:      [][]string{append([]string{"bun", "install", "--production", "--ignore-scripts"}, common...)},
		pruneEmpty: true, // bun has no prune
		run:        []string{"bun", "run"},
		start:      "bun run start",
	}
}

// atLeast compares versions. A text that is no version counts as new.
func atLeast(version, floor string) bool {
	v, err := semver.NewVersion(version)
	return err != nil || !v.LessThan(semver.MustParse(floor))
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

// lifecycleScripts returns those of the named scripts that the app or a member of its workspace
// has.
func (b *work) lifecycleScripts(names ...string) []string {
	var found []string
	for _, pkg := range b.packages() {
		for _, name := range names {
			if pkg.Scripts[name] != "" && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
	}
	return found
}
