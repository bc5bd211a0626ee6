package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/tree"
)

// dependencies is the state of the dependency trees through a build.
type dependencies struct {
	key    string       // what decides their content; "" where more than a key does, and nothing may be kept
	parts  []part       // of the key
	paths  []string     // the node_modules directories that installing made, relative to the app, sorted
	final  []string     // those of them that are left after pruning: the slices
	layer  libcnb.Layer // where the full trees are kept for build scripts
	kept   string       // digest of the manifests of the trees in the layer; "" when it holds none
	absent bool         // the pruned trees are not on disk: the platform has them by key
	lent   bool         // the layer's trees were renamed into the app and can go back
	before []manifest   // of the full trees before scripts ran
	dirty  bool         // a script has written to the trees
	direct []installed  // what the app itself asks for, as installed
	state  string       // digest of the install state that Yarn makes of the lock file; "" where there is none
}

// keptState is the metadata of the layer "modules".
type keptState struct {
	Key    string      `json:"key"`
	Paths  []string    `json:"paths"` // after installing: what is kept
	Final  []string    `json:"final"` // after pruning: what is in the slug
	Kept   string      `json:"kept"`
	Direct []installed `json:"direct"`
	State  string      `json:"state"`
}

// dependencies makes the dependency trees: supplied by the platform, kept from an earlier build, or
// installed.
func (b *work) dependencies() error {
	b.say.Step("Installing dependencies")
	d := &b.deps
	var err error
	if d.layer, err = b.layer("modules"); err != nil {
		return err
	}
	state := readState(d.layer)
	why := b.live()
	if why == "" {
		if d.parts, err = b.parts(); err != nil {
			return err
		}
		d.key = keyOf(d.parts)
		if why, err = b.reuse(state); err != nil || why == "" {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(d.layer.Path, "trees")); err != nil {
		return fmt.Errorf("clearing layer %q: %w", d.layer.Name, err)
	}
	b.say.Detail("Installing anew: %s", why)
	return b.install()
}

// reuse takes the trees from where they are known to be, or says why that cannot be.
func (b *work) reuse(state keptState) (why string, err error) {
	d := &b.deps
	switch {
	case state.Key == "":
		return "nothing is cached", nil
	case state.Key != d.key:
		return strings.Join(changed(d.parts, d.layer.Metadata["parts"]), ", ") + " changed", nil
	}
	for _, modules := range state.Paths {
		if tree.Exists(b.path(modules)) {
			return modules + " was made before the install", nil
		}
	}
	supplied := !slices.ContainsFunc(state.Final, func(modules string) bool { return b.slices[modules] != d.key })
	if supplied && !b.scripted() && !b.assisting {
		d.restore(state)
		d.absent = true
		b.say.Detail("Reusing node_modules, unchanged since the last build")
		return "", nil
	}
	if state.Kept == "" {
		return "the last build kept no full tree", nil
	}
	if have, err := treesDigest(d.layer.Path, treeDirs(d.layer.Path, state.Paths)); err != nil || have != state.Kept {
		return "the cached tree is not what was kept", nil
	}
	d.restore(state)
	d.lent = supplied && !b.assisting && !b.has("heroku-cleanup")
	if err := b.putBack(); err != nil {
		return "", err
	}
	b.say.Detail("Using node_modules from the cache, unchanged since the last build")
	return "", b.remember()
}

// restore takes over what an earlier build of the same key left.
func (d *dependencies) restore(s keptState) {
	d.paths, d.final, d.kept, d.direct, d.state = s.Paths, s.Final, s.Kept, s.Direct, s.State
}

// putBack brings the kept trees into the app: by renaming where they can return afterwards, else by
// copying.
func (b *work) putBack() error {
	for i, dir := range treeDirs(b.deps.layer.Path, b.deps.paths) {
		target := b.path(b.deps.paths[i])
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("restoring %q: %w", b.deps.paths[i], err)
		}
		var err error
		if b.deps.lent {
			err = tree.Move(dir, target)
		} else {
			err = tree.Copy(dir, target, tree.Options{})
		}
		if err != nil {
			return fmt.Errorf("restoring %q: %w", b.deps.paths[i], err)
		}
	}
	return nil
}

// install runs the package manager and keeps the full trees where a later build will want them.
func (b *work) install() error {
	d := &b.deps
	b.warnInstall()
	if b.app.NodeModules && b.app.Manager != "npm" {
		if err := os.RemoveAll(b.path("node_modules")); err != nil {
			return fmt.Errorf("removing the checked-in node_modules: %w", err)
		}
	}
	had, err := treesIn(b.dir, b.foreign)
	if err != nil {
		return err
	}
	before, err := takeManifest(b.dir, b.outside)
	if err != nil {
		return err
	}
	if err := b.boundStore(); err != nil {
		return err
	}
	if err := b.berryStore(true); err != nil {
		return err
	}
	for _, argv := range b.manager.install {
		b.say.Detail("Running %s", strings.Join(argv, " "))
		if err := b.tool(unknown("node/install-failed", b.inClone(argv)), argv...); err != nil {
			return err
		}
	}
	if err := b.berryStore(false); err != nil {
		return err
	}
	after, err := takeManifest(b.dir, b.outside)
	if err != nil {
		return err
	}
	wrote := slices.DeleteFunc(before.untimed().changes(after.untimed()), func(name string) bool {
		return name == ".yarn" // a directory for the state file alone; whatever else is in it has a path of its own
	})
	if d.key != "" && len(wrote) > 0 {
		b.say.Detail("Not keeping node_modules: the install wrote to %s", wrote[0])
		d.key = ""
	}
	found, err := treesIn(b.dir, b.foreign)
	if err != nil {
		return err
	}
	d.paths = slices.DeleteFunc(
		found,
		func(modules string) bool { return modules != "node_modules" && slices.Contains(had, modules) },
	)
	d.direct = b.directDependencies()
	if err := b.keep(); err != nil {
		return err
	}
	return b.remember()
}

// keep copies the full trees to the layer when a later build will need them. A copy, not links:
// nothing that happens in the app reaches it.
func (b *work) keep() error {
	d := &b.deps
	if d.key == "" || !b.scripted() && !b.assisting {
		return nil
	}
	dirs := treeDirs(d.layer.Path, d.paths)
	for i, dir := range dirs {
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return fmt.Errorf("keeping %q: %w", d.paths[i], err)
		}
		if err := tree.Copy(b.path(d.paths[i]), dir, tree.Options{}); err != nil {
			return fmt.Errorf("keeping %q: %w", d.paths[i], err)
		}
	}
	var err error
	d.kept, err = treesDigest(d.layer.Path, dirs)
	return err
}

// remember takes the manifests that scripts are judged by.
func (b *work) remember() (err error) {
	b.deps.before, err = b.manifests()
	return err
}

// judge notes which package a script has written to since the last [work.remember].
func (b *work) judge(script string) error {
	d := &b.deps
	if d.absent || d.dirty || d.key == "" {
		return nil
	}
	now, err := b.manifests()
	if err != nil {
		return err
	}
	for i, m := range d.before {
		if wrote := m.changes(now[i]); len(wrote) > 0 {
			d.dirty = true
			b.say.Detail("%s wrote to %s in %s: it is packed anew", script, packageOf(wrote[0]), d.paths[i])
			return nil
		}
	}
	found, err := treesIn(b.dir, b.foreign)
	if err != nil {
		return err
	}
	for _, modules := range d.paths {
		d.dirty = d.dirty || !slices.Contains(found, modules)
	}
	return nil
}

func (b *work) manifests() ([]manifest, error) {
	var list []manifest
	for _, modules := range b.deps.paths {
		m := manifest{}
		if tree.Exists(b.path(modules)) {
			var err error
			if m, err = takeManifest(b.path(modules), nil); err != nil {
				return nil, err
			}
		}
		list = append(list, m)
	}
	return list, nil
}

// foreign are the directories of the app's root in which no dependencies are looked for.
func (b *work) foreign(rel string) bool {
	layers, err := filepath.Rel(b.dir, b.cnb.Layers.Path)
	if err == nil && filepath.IsLocal(layers) {
		first, _, _ := strings.Cut(filepath.ToSlash(layers), "/")
		if rel == first {
			return true
		}
	}
	return rel == ".git" || rel == ".layers"
}

// outside leaves out of the app what an install may write.
func (b *work) outside(rel string) bool {
	return b.foreign(rel) || path.Base(rel) == "node_modules" || rel == ".yarn/install-state.gz"
}

// untimed is the manifest without what changes when a file is only touched by an equal chmod.
func (m manifest) untimed() manifest {
	plain := slices.Clone(m)
	for i := range plain {
		plain[i].ctime = 0
	}
	return plain
}

// treeDirs are the directories in the layer that the trees are kept in.
func treeDirs(layer string, paths []string) []string {
	dirs := make([]string, len(paths))
	for i := range paths {
		dirs[i] = filepath.Join(layer, "trees", strconv.Itoa(i))
	}
	return dirs
}

// treesDigest is one digest over the manifests of dirs.
func treesDigest(layer string, dirs []string) (string, error) {
	var all strings.Builder
	for _, dir := range dirs {
		m, err := takeManifest(dir, nil)
		if err != nil {
			return "", err
		}
		all.WriteString(m.digest() + "\n")
	}
	return digest([]byte(all.String())), nil
}

// readState reads what the last build left. The paths come from a file of ours, but a cache can be
// damaged.
func readState(layer libcnb.Layer) keptState {
	var state keptState
	text, _ := layer.Metadata["state"].(string)
	if json.Unmarshal([]byte(text), &state) != nil {
		return keptState{}
	}
	for _, modules := range slices.Concat(state.Paths, state.Final) {
		if !filepath.IsLocal(modules) || path.Base(modules) != "node_modules" {
			return keptState{}
		}
	}
	return state
}

// saveState contributes the layer when it says something true about the key.
func (b *work) saveState() error {
	d := &b.deps
	if d.key == "" {
		return os.RemoveAll(d.layer.Path)
	}
	text, err := json.Marshal(
		keptState{Key: d.key, Paths: d.paths, Final: d.final, Kept: d.kept, Direct: d.direct, State: d.state},
	)
	if err != nil {
		return fmt.Errorf("keeping the dependencies: %w", err)
	}
	d.layer.Metadata = map[string]any{"state": string(text), "parts": reasons(d.parts)}
	b.contribute(d.layer, libcnb.LayerTypes{Cache: true})
	return nil
}
