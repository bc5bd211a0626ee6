package reference

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"slugc/cache/beneath"
)

// Bounds of a composite buildpack.
const (
	maxDependencies = 200
	maxDepth        = 8
)

// dependency is a buildpack that package.toml adds to a composite one, as `pack buildpack package` reads it.
type dependency struct {
	URI   string `toml:"uri"`
	Image string `toml:"image"`
}

// composer puts a composite buildpack and what it consists of into one tree.
type composer struct {
	store   *Store
	staging string
	to      string
	list    []member
	seen    int
}

// compose adds to a composite buildpack what its package.toml names. One without that file stays alone: other
// references may name what it consists of.
func (s *Store) compose(ctx context.Context, r Ref, f *fetched, root string) error {
	if len(f.members[0].parts) == 0 || !exists(filepath.Join(f.tree, "package.toml")) {
		return nil
	}
	c := &composer{store: s, staging: f.staging, to: filepath.Join(f.staging, "composed")}
	if err := makeDir(c.to); err != nil {
		return err
	}
	// Relative names of a directory of this machine lead beside it; those of anything fetched must stay in that.
	place := place{dir: f.tree, root: root}
	if r.Kind == Directory {
		place.dir, place.root = r.Path, "/"
	}
	if err := c.add(ctx, f.tree, f.members[0], place, 0); err != nil {
		return err
	}
	f.tree, f.members = c.to, c.list
	return complete(c.list)
}

// place is where a buildpack was found.
type place struct {
	dir  string // of the buildpack, for relative names
	root string // they must stay in it
}

// add copies a buildpack to the others, and then its dependencies.
func (c *composer) add(ctx context.Context, from string, m member, at place, depth int) error {
	same := func(o member) bool { return o.ID == m.ID && o.Version == m.Version }
	if slices.ContainsFunc(c.list, same) {
		return nil
	}
	if c.seen++; c.seen > maxDependencies || depth > maxDepth {
		return failed(Author, "buildpack/too-large", fmt.Errorf("%s is one dependency too many", m.ID),
			"take a release of the buildpack as one package")
	}
	m.Dir = fmt.Sprint(len(c.list))
	if err := c.store.copyDirectory(ctx, from, filepath.Join(c.to, m.Dir)); err != nil {
		return err
	}
	c.list = append(c.list, m)
	if len(m.parts) == 0 || at.dir == "" {
		return nil
	}
	dependencies, err := readPackage(from)
	if err != nil {
		return err
	}
	for _, d := range dependencies {
		if err := c.depend(ctx, d, at, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// readPackage reads the dependencies of a package.toml, if there is one.
func readPackage(dir string) ([]dependency, error) {
	d, err := beneath.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	text, err := d.ReadFile("package.toml", maxDescriptor)
	if beneath.Missing(err) {
		return nil, nil
	}
	var file struct {
		Dependencies []dependency `toml:"dependencies"`
	}
	if err == nil {
		if err = toml.Unmarshal(text, &file); err != nil {
			err = firstLine(err)
		}
	}
	if err != nil {
		return nil, failed(Author, "buildpack/descriptor-malformed",
			fmt.Errorf("reading its package.toml: %w", beneath.Reason(err)), "take another release of the buildpack")
	}
	return file.Dependencies, nil
}

// depend adds one dependency.
func (c *composer) depend(ctx context.Context, d dependency, at place, depth int) error {
	text := d.URI
	if d.Image != "" {
		text = "docker://" + strings.TrimPrefix(d.Image, "docker://")
	}
	if isRelative(text) {
		dir := filepath.Join(at.dir, filepath.FromSlash(text))
		rel, err := filepath.Rel(at.root, dir)
		if err == nil && filepath.IsLocal(rel) && isDirectory(at.root, rel) {
			m, err := identifyAt(dir)
			if err != nil {
				return within(fmt.Sprintf("its dependency %q", text), err)
			}
			return c.add(ctx, dir, m, place{dir, at.root}, depth)
		}
	}
	r, err := Parse(text, at.dir)
	if local := r.Path != "" || strings.HasPrefix(r.Addr, "file:"); err == nil && at.root != "/" && local {
		err = failed(Writer, "buildpack/reference-invalid", errors.New("it leads out of the package"),
			"take a release of the buildpack as one package")
	}
	if err == nil && r.Kind == Builtin {
		return nil
	}
	var f *fetched
	if err == nil {
		f, err = c.fetch(ctx, r)
	}
	if err != nil {
		return within(fmt.Sprintf("its dependency %q", shown(text)), err)
	}
	for _, m := range f.members {
		if err := c.add(ctx, filepath.Join(f.tree, m.Dir), m, place{}, depth); err != nil {
			return err
		}
	}
	return nil
}

// fetch fetches a dependency into a directory of its own.
func (c *composer) fetch(ctx context.Context, r Ref) (*fetched, error) {
	if c.store.o.Offline && r.Path == "" {
		return nil, errOffline()
	}
	dir, err := os.MkdirTemp(c.staging, "dependency-")
	if err != nil {
		return nil, err
	}
	return c.store.fetch(ctx, r, dir)
}

func isRelative(text string) bool {
	return !strings.Contains(text, ":") && !filepath.IsAbs(text)
}

// isDirectory reports whether a name below root is that of a directory, to which no link leads.
func isDirectory(root, name string) bool {
	d, err := beneath.Open(root)
	if err != nil {
		return false
	}
	defer d.Close()
	inner, err := d.Dir(filepath.ToSlash(name))
	if err != nil {
		return false
	}
	return inner.Close() == nil
}

// identifyAt is identify for the directory at a path.
func identifyAt(dir string) (member, error) {
	d, err := beneath.Open(dir)
	if err != nil {
		return member{}, err
	}
	defer d.Close()
	return identify(d)
}
