package detect

// NodeApp is what the Node detector learnt of an app.
type NodeApp struct {
	Name        string            // package.json name, may be ""
	Manager     string            // "npm", "yarn" (1.x), "berry" (yarn >= 2), "pnpm", "bun"
	ManagerFrom string            // why: "package-lock.json", "package.json packageManager", "default"
	Lockfile    string            // the lock file in force, relative to the root; "" where there is none
	Scripts     map[string]string // package.json scripts
	Main        string            // package.json main, cleaned; "" where unset
	ServerFile  string            // first of server|app|main|index × .js .cjs .mjs at the root; "" where none
	Workspaces  []string          // workspace patterns (package.json or pnpm-workspace.yaml)
	HasDevDeps  bool              // any devDependencies in the root or a workspace member's package.json
	HasDeps     bool              // any dependencies of any kind
	NodeModules bool              // a node_modules directory is checked in
	YarnPath    string            // .yarnrc.yml yarnPath, when that file exists
	NodeLinker  string            // .yarnrc.yml nodeLinker: "pnp" (berry's default), "node-modules", "pnpm"
	ZeroInstall bool              // .yarn/cache is checked in and not empty
	CacheDirs   []string          // package.json cacheDirectories / cache_directories
	// set by the group: another language is primary; no web process, no start-script checks
	Assisting bool
	// every file that decides an install: package.json, lock, .npmrc, .yarnrc.yml, patches …,
	// sorted
	Manifests    []string
	NpmrcPresent bool
}
