package detect

import "strings"

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
	Framework   *NodeFramework    // what serves the app where no start script does; nil if it needs none
	// Assisting is set by Group if another language is primary: there is no web process then, and a
	// start script is not required.
	Assisting bool
	// Manifests are all files that determine an install, sorted: package.json, lock, .npmrc,
	// .yarnrc.yml, patches …
	Manifests    []string
	NpmrcPresent bool
	// Workspace is what the app is a member of (Input.Member); nil for one that is built alone. Then Manager,
	// Lockfile, YarnPath, Workspaces, Manifests and what else is about the install is of the workspace's root,
	// and all else of the member.
	Workspace *NodeWorkspace
}

// NodeWorkspace is a workspace around a member. Directories are slash-separated and relative to Root, but Root
// itself is relative to Input.FS.
type NodeWorkspace struct {
	Root    string            // the workspace's root, "" for all of Input.FS
	Member  string            // the app
	Uses    []string          // the packages that it uses, transitively, each after those that it uses itself
	Others  []string          // the members that it does not use: no more than their package.json is there
	Scripts map[string]string // the root's
}

// NodeFramework says how an app is started that has no start script and no web process in a Procfile: by the
// server of a framework, by a server of static files, or not at all, and then what its owner can do.
type NodeFramework struct {
	Name   string   // for people: "Vite", "Next.js"; "" where no more is known than that there is a build script
	Web    string   // the command of its server; "" for none
	Output []string // directories in which the build may leave the files to serve, the likeliest first
	SPA    bool     // what is no file is answered with index.html
	Wanted bool     // package.json asks for it (slugc.static): it comes before any start script
	Hints  []string // how the app can be started, where Web and Output are empty
}

// Starts reports whether the app itself says how it is started: by a start script, by a server file or by its
// framework.
func (a *NodeApp) Starts() bool {
	f := a.Framework
	return strings.TrimSpace(a.Scripts["start"]) != "" || a.ServerFile != "" ||
		f != nil && (f.Web != "" || len(f.Output) > 0)
}
