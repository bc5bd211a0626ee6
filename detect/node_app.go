package detect

// NodeApp holds the facts of a Node app.
type NodeApp struct {
	Name        string            // package.json name, may be ""
	Manager     string            // "npm", "yarn" (1.x), "berry" (yarn >= 2), "pnpm", "bun"
	ManagerFrom string            // why: "package-lock.json", "package.json packageManager", "default"
	Lockfile    string            // the lock file, relative to the root; "" if there is none
	Scripts     map[string]string // package.json scripts
	Main        string            // package.json main, cleaned; "" if unset
	ServerFile  string            // first of server|app|main|index × .js .cjs .mjs at the root; "" if none
	Workspaces  []string          // workspace patterns (package.json or pnpm-workspace.yaml)
	HasDevDeps  bool              // any devDependencies in the root or a workspace member's package.json
	HasDeps     bool              // any dependencies of any kind
	NodeModules bool              // a node_modules directory is committed
	YarnPath    string            // .yarnrc.yml yarnPath, if that file exists
	NodeLinker  string            // .yarnrc.yml nodeLinker: "pnp" (berry's default), "node-modules", "pnpm"
	ZeroInstall bool              // .yarn/cache is committed and not empty
	CacheDirs   []string          // package.json cacheDirectories / cache_directories
	// Assisting is set by Group if another language is primary: there is no web process then, and a
	// start script is not required.
	Assisting bool
	// Manifests are all files that determine an install, sorted: package.json, lock, .npmrc,
	// .yarnrc.yml, patches …
	Manifests    []string
	NpmrcPresent bool
}
