package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// carrier brings what scripts made from a full dependency tree into the pruned one that the package
// manager installed beside it. Where both trees have a package, the full one's files win: scripts have
// run there. What no lock file names, such as a generated client, was made by a script and stays.
//
// It first plans over both trees as they are, and then moves: nothing happens where it cannot finish.
type carrier struct {
	listed map[string]bool   // names in the lock file
	pool   map[string]string // directories of the full tree's packages, by name and version
	copies []carried
	moves  []carried
}

// carried is one thing that is taken over. With merge, the files of a package replace those of the
// other, and the node_modules directories within stay where they are.
type carried struct {
	from, to string
	merge    bool
}

// errStuck is a package of the pruned tree that the full one does not have.
var errStuck = errors.New("is not in the full tree")

// carry brings what scripts made from the full trees into the pruned ones, which are at the same
// places of the two lists. The error is errStuck, before anything has happened, where it cannot.
func carry(full, pruned []string, listed map[string]bool) error {
	c := &carrier{listed: listed}
	for i := range full {
		if err := c.modules(full[i], pruned[i], full); err != nil {
			return err
		}
	}
	for _, one := range c.copies {
		if err := one.copy(); err != nil {
			return err
		}
	}
	for _, one := range c.moves {
		if err := one.move(); err != nil {
			return err
		}
	}
	return nil
}

// modules plans one node_modules directory.
func (c *carrier) modules(full, pruned string, all []string) error {
	had, err := packagesIn(full)
	if err != nil {
		return err
	}
	have, err := packagesIn(pruned)
	if err != nil {
		return err
	}
	for _, name := range had {
		from, to := filepath.Join(full, name), filepath.Join(pruned, name)
		switch {
		case name == ".bin":
			err = c.programs(from, to)
		case slices.Contains(stores, name):
			err = c.store(from, to, all)
		case slices.Contains(managerFiles, name):
		case !tree.Exists(to):
			if c.made(name) {
				c.moves = append(c.moves, carried{from: from, to: to})
			}
		case tree.IsDir(from) && tree.IsDir(to):
			err = c.pkg(name, from, to, all)
		case !tree.IsDir(from) && tree.IsDir(to): // a script has put a link in its place
			c.moves = append(c.moves, carried{from: from, to: to})
		}
		if err != nil {
			return err
		}
	}
	for _, name := range have {
		to := filepath.Join(pruned, name)
		if strings.HasPrefix(name, ".") || !tree.IsDir(to) || tree.Exists(filepath.Join(full, name)) {
			continue
		}
		if err := c.elsewhere(name, to, all); err != nil {
			return err
		}
	}
	return nil
}

// pkg plans a package that both trees have.
func (c *carrier) pkg(name, from, to string, all []string) error {
	manifest := filepath.Join(to, "package.json")
	if packageVersion(filepath.Join(from, "package.json")) != packageVersion(manifest) && tree.IsFile(manifest) {
		return c.elsewhere(name, to, all)
	}
	c.moves = append(c.moves, carried{from, to, true})
	return c.modules(filepath.Join(from, "node_modules"), filepath.Join(to, "node_modules"), all)
}

// elsewhere plans a package that the full tree has at another place.
func (c *carrier) elsewhere(name, to string, all []string) error {
	if c.pool == nil {
		c.pool = map[string]string{}
		for _, modules := range all {
			if err := c.index(modules); err != nil {
				return err
			}
		}
	}
	from := c.pool[name+"@"+packageVersion(filepath.Join(to, "package.json"))]
	if from == "" {
		return fmt.Errorf("%s %w", name, errStuck)
	}
	c.copies = append(c.copies, carried{from, to, true})
	within := filepath.Join(to, "node_modules")
	names, err := packagesIn(within)
	for _, nested := range names {
		if dir := filepath.Join(within, nested); err == nil && !strings.HasPrefix(nested, ".") && tree.IsDir(dir) {
			err = c.elsewhere(nested, dir, all)
		}
	}
	return err
}

// index fills the pool with the packages of one node_modules directory.
func (c *carrier) index(modules string) error {
	return eachPackage(modules, func(_, name, dir string) error {
		if key := name + "@" + packageVersion(filepath.Join(dir, "package.json")); c.pool[key] == "" {
			c.pool[key] = dir
		}
		return nil
	})
}

// store plans a directory such as .pnpm, each entry of which has a node_modules directory.
func (c *carrier) store(full, pruned string, all []string) error {
	entries, err := os.ReadDir(pruned)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if !entry.IsDir() || entry.Name() == "node_modules" {
			continue
		}
		within := filepath.Join(entry.Name(), "node_modules")
		if err := c.modules(filepath.Join(full, within), filepath.Join(pruned, within), all); err != nil {
			return err
		}
	}
	return nil
}

// binTarget matches the package in what a program of .bin points to, a link or a package manager's
// script.
var binTarget = lazyregexp.New(`(?:^|\$basedir/)\.\./((?:@[^/"'\s]+/)?[^/"'\s]+)/`)

// programs plans .bin: a program of a package that stays, of which the file was made by a script, and
// scripts that a script wrote.
func (c *carrier) programs(full, pruned string) error {
	entries, err := os.ReadDir(full)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		from, to := filepath.Join(full, entry.Name()), filepath.Join(pruned, entry.Name())
		if tree.Exists(to) {
			continue
		}
		target, err := os.Readlink(from)
		if err != nil {
			data, _ := tree.ReadIn(full, entry.Name(), 1<<20)
			target = string(data)
		}
		m := binTarget.FindStringSubmatch(target)
		if m == nil || tree.Exists(filepath.Join(filepath.Dir(pruned), m[1])) {
			c.moves = append(c.moves, carried{from: from, to: to})
		}
	}
	return nil
}

// made reports whether an entry of a node_modules directory was made by a script.
func (c *carrier) made(name string) bool { return strings.HasPrefix(name, ".") || !c.listed[name] }

// move moves the thing into its place.
func (c carried) move() error {
	if !c.merge {
		if err := os.RemoveAll(c.to); err != nil {
			return err
		}
		return tree.Move(c.from, c.to)
	}
	return c.replace(tree.Move)
}

// copy copies the files of a package into their place.
func (c carried) copy() error {
	return c.replace(func(from, to string) error { return tree.Copy(from, to, tree.Options{}) })
}

// replace replaces the files of a package.
func (c carried) replace(bring func(from, to string) error) error {
	own := func(dir string, each func(name string) error) error {
		entries, err := os.ReadDir(dir)
		for _, entry := range entries {
			if entry.Name() != "node_modules" {
				err = errors.Join(err, each(entry.Name()))
			}
		}
		return err
	}
	err := own(c.to, func(name string) error { return os.RemoveAll(filepath.Join(c.to, name)) })
	if err != nil {
		return err
	}
	return own(c.from, func(name string) error {
		return bring(filepath.Join(c.from, name), filepath.Join(c.to, name))
	})
}

// stores are directories of node_modules in which package managers keep the packages themselves.
var stores = []string{".pnpm", ".bun", ".store"}

// managerFiles are entries of node_modules that belong to package managers.
var managerFiles = append([]string{
	".yarn-integrity", ".yarn-state.yml", ".ignored",
}, bookkeeping...)

// packagesIn lists a node_modules directory, packages with their scope; nothing where there is none.
func packagesIn(modules string) ([]string, error) {
	entries, err := os.ReadDir(modules)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "@") || !entry.IsDir() {
			names = append(names, entry.Name())
			continue
		}
		scoped, err := os.ReadDir(filepath.Join(modules, entry.Name()))
		if err != nil {
			return nil, err
		}
		for _, one := range scoped {
			names = append(names, path.Join(entry.Name(), one.Name()))
		}
	}
	return names, err
}

// eachPackage calls visit for the entries of a node_modules directory and of those within its packages,
// with the directory that holds them. Links are not followed.
func eachPackage(modules string, visit func(modules, name, dir string) error) error {
	names, err := packagesIn(modules)
	if err != nil {
		return err
	}
	for _, name := range names {
		dir := filepath.Join(modules, name)
		if slices.Contains(stores, name) {
			entries, err := os.ReadDir(dir)
			if err != nil {
				return err
			}
			for _, entry := range entries {
				if err := eachPackage(filepath.Join(dir, entry.Name(), "node_modules"), visit); err != nil {
					return err
				}
			}
			continue
		}
		if !strings.HasPrefix(name, ".") && tree.IsDir(dir) {
			if err := eachPackage(filepath.Join(dir, "node_modules"), visit); err != nil {
				return err
			}
		}
		if err := visit(modules, name, dir); err != nil {
			return err
		}
	}
	return nil
}
