package node

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/tree"
	"slugc/cache"
	"slugc/cache/digest"
)

// part is one thing that decides what an install leaves.
type part struct{ name, value string }

// maxManifest bounds a file that decides an install, in bytes. Lock files of very large monorepos
// have about 10 MB.
const maxManifest = 64 << 20

// parts lists everything that decides the content of the dependency trees, in a fixed order.
func (b *work) parts() ([]part, error) {
	target, distro := b.CNB.TargetInfo, b.CNB.TargetDistro
	system := []string{target.OS, target.Arch, target.Variant, distro.Name, distro.Version}
	parts := []part{
		{"buildpack", ID + " " + Version},
		{"system", strings.Join(system, " ")},
		{"Node.js", b.node.Version + " " + b.node.Digest},
		{b.app.Manager, b.manager.version},
		{"pruning", b.pruning()},
	}
	if w := b.app.Workspace; w != nil {
		parts = append(parts, part{"member", w.Member})
	}
	for _, name := range b.app.Manifests {
		data, err := tree.ReadIn(b.inProject("."), name, maxManifest)
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", name, err)
		}
		parts = append(parts, part{name, digest.Of(data).Hex()})
	}
	var settings strings.Builder
	for _, name := range slices.Sorted(maps.Keys(b.env.user)) {
		if !command.IsSecret(name) && name != extension.SourceVersion {
			fmt.Fprintf(&settings, "%q=%q\n", name, b.env.user[name])
		}
	}
	return append(parts, part{"build configuration", settings.String()}), nil
}

// keyOf returns the key of the parts.
func keyOf(parts []part) string {
	var texts []string
	for _, p := range parts {
		texts = append(texts, p.name, p.value)
	}
	return cache.Key(texts...)
}

// reasons returns the parts as a layer's metadata keeps them, so that the next build can say what
// changed.
func reasons(parts []part) map[string]any {
	kept := map[string]any{}
	for _, p := range parts {
		kept[p.name] = digest.Of([]byte(p.value)).Hex()[:16]
	}
	return kept
}

// changed names the parts that differ from those of an earlier build.
func changed(parts []part, earlier any) []string {
	had, _ := earlier.(map[string]any)
	var names []string
	for name, value := range reasons(parts) {
		if had[name] != value {
			names = append(names, name)
		}
	}
	for name := range had {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// pkg is what only a package.json tells of an install: the scripts that it runs in the app's own
// packages, and dependencies that are copied from the app.
type pkg struct {
	dir                  string // slash-separated, relative to the project
	Name                 string
	Scripts              map[string]string
	Dependencies         map[string]any
	DevDependencies      map[string]any
	OptionalDependencies map[string]any
	Resolutions          map[string]any
	DependenciesMeta     map[string]struct{ Injected bool }
}

// packages reads the app's package.json and those of its workspace members. One that cannot be read
// is left out: the package manager refuses it.
func (b *work) packages() []pkg {
	var list []pkg
	for _, name := range b.app.Manifests {
		if path.Base(name) != "package.json" {
			continue
		}
		one := pkg{dir: path.Dir(name)}
		if data := b.readOwn(name); data != nil && json.Unmarshal(data, &one) == nil {
			list = append(list, one)
		}
	}
	return list
}

// installScripts are the app's own scripts that a package manager runs when it installs.
var installScripts = []string{
	"pnpm:devPreinstall", "preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare",
	"dependencies",
}

// unkeyed returns why an install depends on more than its key, "" where it does not. A script of
// the app may read and write anything, and a dependency copied from the app changes with the app's
// files.
func (b *work) unkeyed() string {
	switch {
	case b.env.user["NODE_MODULES_CACHE"] == "false":
		return "NODE_MODULES_CACHE is false"
	case b.app.Lockfile == "":
		return "there is no lock file"
	case b.app.NodeModules:
		return "node_modules is checked in"
	case b.app.Manager == "berry" && b.app.NodeLinker != "node-modules":
		return "nodeLinker is " + b.app.NodeLinker
	}
	if found := b.lifecycleScripts(installScripts...); len(found) > 0 {
		return "package.json has the script " + found[0] + ", which runs at every install"
	}
	for _, one := range b.packages() {
		if why := one.copied(); why != "" {
			return why
		}
		if tree.Exists(b.inProject(path.Join(one.dir, "binding.gyp"))) {
			return path.Join(one.dir, "binding.gyp") + " is compiled at every install"
		}
	}
	return ""
}

// localProtocols are those of dependencies that are directories of the app.
var localProtocols = []string{"file", "link", "portal"}

// copied says which dependency of a package is copied from the app, "" where none is.
func (p pkg) copied() string {
	for _, deps := range []map[string]any{p.Dependencies, p.DevDependencies, p.OptionalDependencies, p.Resolutions} {
		for name, spec := range deps {
			text, _ := spec.(string)
			if protocol, _, found := strings.Cut(text, ":"); found && slices.Contains(localProtocols, protocol) {
				return fmt.Sprintf("%s is installed from %s", name, text)
			}
		}
	}
	for name, meta := range p.DependenciesMeta {
		if meta.Injected {
			return name + " is injected from the workspace"
		}
	}
	return ""
}
