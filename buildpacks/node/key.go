package node

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// part is one thing that decides what an install gives.
type part struct{ name, value string }

// maxManifest bounds a file that decides an install. Lock files of very large monorepos have some
// 10 MB.
const maxManifest = 64 << 20

// parts is everything that decides the content of the dependency trees, in a fixed order.
func (b *work) parts() ([]part, error) {
	target := b.cnb.TargetInfo
	parts := []part{
		{"buildpack", ID + " " + Version},
		{
			"system",
			strings.Join(
				[]string{target.OS, target.Arch, target.Variant, b.cnb.TargetDistro.Name, b.cnb.TargetDistro.Version},
				" ",
			),
		},
		{"Node.js", b.node.Version + " " + b.node.Digest},
		{b.app.Manager, b.manager.version},
		{"pruning", fmt.Sprint(b.prunes())},
	}
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the app: %w", err)
	}
	defer root.Close()
	for _, name := range b.app.Manifests {
		info, err := root.Stat(filepath.FromSlash(name))
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", name, err)
		}
		if !info.Mode().IsRegular() || info.Size() > maxManifest {
			return nil, fmt.Errorf("reading %q: not a regular file of at most %d bytes", name, maxManifest)
		}
		data, err := root.ReadFile(filepath.FromSlash(name))
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", name, err)
		}
		parts = append(parts, part{name, digest(data)})
	}
	var settings strings.Builder
	for _, name := range slices.Sorted(maps.Keys(b.env.user)) {
		if !secret.MatchString(name) {
			fmt.Fprintf(&settings, "%q=%q\n", name, b.env.user[name])
		}
	}
	return append(parts, part{"build configuration", settings.String()}), nil
}

// secret matches names of variables that hold credentials. They decide who may fetch a package, not
// what it is, and a key is public.
var secret = lazyregexp.New(
	`(?i)token|secret|passw|credential|_auth|private|api_?key|access_?key|_key$|_(url|uri|dsn)$`,
)

// keyOf hashes parts, each length-prefixed, so that no two lists give the same bytes.
func keyOf(parts []part) string {
	h := sha256.New()
	for _, p := range parts {
		for _, text := range []string{p.name, p.value} {
			h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
			h.Write([]byte(text))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// reasons are the parts as a layer's metadata keeps them, so that the next build can say what
// changed.
func reasons(parts []part) map[string]any {
	kept := map[string]any{}
	for _, p := range parts {
		kept[p.name] = digest([]byte(p.value))[:16]
	}
	return kept
}

// changed names what differs between the parts and those of an earlier build.
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

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// pkg is what an install does that only a package.json tells: the scripts that it runs in the app's
// own packages, and dependencies that are copied out of the app.
type pkg struct {
	dir                                                              string
	Scripts                                                          map[string]string
	Dependencies, DevDependencies, OptionalDependencies, Resolutions map[string]any
	DependenciesMeta                                                 map[string]struct{ Injected bool }
}

// packages are the app's package.json and its workspace members'. One that cannot be read is left
// to the package manager to refuse.
func (b *work) packages() []pkg {
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return nil
	}
	defer root.Close()
	var list []pkg
	for _, name := range b.app.Manifests {
		if path.Base(name) != "package.json" {
			continue
		}
		data, err := root.ReadFile(filepath.FromSlash(name))
		if err != nil {
			continue
		}
		one := pkg{dir: path.Dir(name)}
		if json.Unmarshal(data, &one) == nil {
			list = append(list, one)
		}
	}
	return list
}

// installScripts are the app's own scripts that one package manager or another runs when it
// installs.
var installScripts = []string{
	"pnpm:devPreinstall",
	"preinstall",
	"install",
	"postinstall",
	"prepublish",
	"preprepare",
	"prepare",
	"postprepare",
	"dependencies",
}

// live is why an install depends on more than its key, "" where it does not: a script of the app's
// own that it runs may read and write anything, and a dependency copied out of the app changes with
// the app's files.
func (b *work) live() string {
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
		if tree.Exists(b.path(path.Join(one.dir, "binding.gyp"))) {
			return path.Join(one.dir, "binding.gyp") + " is compiled at every install"
		}
	}
	return ""
}

// copied is which dependency of a package is copied out of the app, "" where none is.
func (p pkg) copied() string {
	for _, deps := range []map[string]any{p.Dependencies, p.DevDependencies, p.OptionalDependencies, p.Resolutions} {
		for name, spec := range deps {
			if text, _ := spec.(string); strings.HasPrefix(text, "file:") || strings.HasPrefix(text, "link:") ||
				strings.HasPrefix(text, "portal:") {
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
