package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/Masterminds/semver/v3"
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/extension"
	"slugc/cache/disk"
)

// manager is a package manager as it is used for this app: its commands and settings.
type manager struct {
	name       string // as in detect.NodeApp.Manager
	version    string
	program    []byte            // Yarn's, of version 2 and newer: it tells which settings that version has
	check      []string          // brings the lock file up to date, where install does not say that it is not
	install    [][]string        // commands that make the whole tree, development dependencies included
	whole      bool              // its commands fail unless all members of the workspace are there
	prune      [][]string        // commands that leave what a running app needs; nil where this version has none
	pruneEmpty bool              // prune installs again, into no trees: [carry] brings over what scripts made
	noPrune    string            // why prune is nil
	launch     map[string]string // environment defaults of a running app
	run        []string          // words before a script's name
	exec       []string          // words before a program that a dependency brings, and its options
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
// store holds, so it serves whatever changed. All but Yarn 1 put whole files there. program is Yarn's, of
// version 2 and newer.
func (b *work) managerOf(version string, program []byte) (manager, error) {
	store, err := b.Layer(toolOf(b.app.Manager) + "-cache")
	if err != nil {
		return manager{}, err
	}
	// The others unpack what they store, or keep lists of files.
	if b.app.Manager == "npm" || b.app.Manager == "berry" {
		store.Metadata = map[string]any{extension.IndependentFiles: true}
	}
	if b.app.Manager == "yarn" {
		b.ContributeStore(store)
	} else {
		b.Contribute(store, libcnb.LayerTypes{Cache: true})
	}
	b.store = store.Path
	b.setPatience()
	files := b.readRC()
	var m manager
	switch b.app.Manager {
	case "npm":
		m = b.npm(store.Path)
	case "yarn":
		m = b.yarn1(store.Path)
	case "berry":
		if m, err = b.berry(store.Path, version, knownTo(program)); err != nil {
			return m, err
		}
	case "pnpm":
		m = b.pnpm(store.Path, version, files)
	case "bun":
		m = b.bun(store.Path)
	default:
		return m, fmt.Errorf("choosing the package manager: unknown %q", b.app.Manager)
	}
	m.name, m.version, m.program = b.app.Manager, version, program
	b.env.yield(files.sets)
	b.lendRegistry()
	return m, b.supply(files)
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
		exec:    []string{"npm", "exec", "--"},
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
	common := []string{"--ignore-engines", "--prefer-offline", "--non-interactive"}
	if b.app.Lockfile != "" {
		common = append(common, "--frozen-lockfile")
	}
	return manager{
		install:    [][]string{append([]string{"yarn", "install", "--production=false"}, common...)},
		prune:      [][]string{append([]string{"yarn", "install", "--production", "--ignore-scripts"}, common...)},
		pruneEmpty: true, // in place it would write packages again that a script has changed
		run:        []string{"yarn", "run"},
		exec:       []string{"yarn", "run"},
		start:      "yarn start",
	}
}

func (b *work) bun(store string) manager {
	b.env.set("BUN_INSTALL_CACHE_DIR", store)
	common := []string{"--backend=copyfile", "--no-progress"}
	if b.app.Lockfile != "" {
		common = append(common, "--frozen-lockfile")
	}
	w := b.app.Workspace
	if w != nil { // bun refuses a lock file that has more members than are there
		common = append(common, "--filter", ".", "--filter", "./"+w.Member)
	}
	return manager{
		whole:      w != nil,
		install:    [][]string{append([]string{"bun", "install"}, common...)},
		prune:      [][]string{append([]string{"bun", "install", "--production", "--ignore-scripts"}, common...)},
		pruneEmpty: true, // bun has no prune
		run:        []string{"bun", "run"},
		exec:       []string{"bun", "run"},
		start:      "bun run start",
	}
}

// atLeast compares versions. A text that is no version counts as new.
func atLeast(version, floor string) bool {
	v, err := semver.NewVersion(version)
	return err != nil || !v.LessThan(semver.MustParse(floor))
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
