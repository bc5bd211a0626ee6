package node

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"slugc/buildpacks/bill"
	static "slugc/buildpacks/toolchain/node"
)

// installed is a package that the app asks for, in the version that was installed.
type installed struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// directDependencies reads what is installed of the dependencies that the app's own package.json
// files name, while the trees are on disk; it is kept with their key. Members of the workspace are
// the app itself. Plug'n'Play has no tree to read.
func (b *work) directDependencies() []installed {
	root, err := os.OpenRoot(b.Root)
	if err != nil {
		return nil
	}
	defer root.Close()
	found := map[installed]bool{}
	for _, one := range b.packages() {
		names := slices.AppendSeq(slices.Collect(maps.Keys(one.Dependencies)), maps.Keys(one.OptionalDependencies))
		for _, name := range names {
			for _, modules := range []string{path.Join(one.dir, "node_modules"), "node_modules"} {
				modules = path.Join(b.project(), modules)
				if !filepath.IsLocal(name) || !slices.Contains(b.deps.paths, modules) {
					continue
				}
				if version := b.installedVersion(root, path.Join(modules, name)); version != "" {
					found[installed{name, version}] = true
					break
				}
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b installed) int {
		return strings.Compare(a.Name+"@"+a.Version, b.Name+"@"+b.Version)
	})
}

// installedVersion reads the version of the package at dir, "" where there is none or it is a link
// into the app's own files.
func (b *work) installedVersion(root *os.Root, dir string) string {
	if real, err := filepath.EvalSymlinks(b.inRoot(dir)); err != nil ||
		!strings.Contains(filepath.ToSlash(real), "/node_modules/") {
		return ""
	}
	data, err := root.ReadFile(filepath.FromSlash(path.Join(dir, "package.json")))
	if err != nil {
		return ""
	}
	return versionIn(data)
}

// bill writes the launch SBOM: the runtime, the package manager, the app's direct dependencies.
func (b *work) bill() error {
	if b.buildOnly {
		return nil
	}
	npm := b.node.npm.Version
	components := []cdx.Component{bill.Runtime("node", b.node.Version), bill.Tool("npm", npm, bill.NPM("npm", npm))}
	if tool := toolOf(b.app.Manager); tool != "npm" {
		name := tool
		if b.app.Manager == "berry" {
			name = "@yarnpkg/cli-dist"
		}
		components = append(components, bill.Tool(name, b.manager.version, bill.NPM(name, b.manager.version)))
	}
	if b.server != "" {
		name := static.StaticServer
		components = append(components, bill.Tool(name, b.server, bill.NPM(name, b.server)))
	}
	for _, dep := range b.deps.direct {
		components = append(components, bill.Library(dep.Name, dep.Version, bill.NPM(dep.Name, dep.Version)))
	}
	return bill.Write(b.CNB, "", components)
}
