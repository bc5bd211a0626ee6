package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// berry is the package that yarn is published as from version 2.
const berry = "@yarnpkg/cli-dist"

// manager is a package manager from the npm registry.
type manager struct {
	r    *registry
	tool string
}

// managerTool is npm, pnpm, yarn or bun. The grammar of their constraints: npm ranges and the
// registry's tags; "" and "latest" for the version that the registry calls latest, but for yarn ""
// and any range that admits it for 1.x, and "berry" for what came after.
func managerTool(st *Store, r *registry, name string) *tool {
	return &tool{
		parse:   func(c string) (*want, error) { return parseManager(name, c) },
		compare: compareSemver,
		sources: []source{&manager{r, name}},
	}
}

func parseManager(tool, constraint string) (*want, error) {
	c := strings.TrimSpace(constraint)
	latest := func(l *listing) (string, string) {
		if v := l.tags["latest"]; v != "" {
			return v, ""
		}
		return newest(l.versions, release, compareSemver), ""
	}
	isTag := c != "" && isName(c) && c != "x"
	switch {
	case tool == "yarn" && (c == "" || c == "classic"):
		c = "1.x"
	case tool == "yarn" && (c == "berry" || c == "latest" || c == "stable"):
		c = ">=2"
	case c == "" || c == "latest":
		return &want{match: anyRelease, pick: latest}, nil
	case isTag:
		return &want{
			match: func(string) bool { return false },
			pick:  func(l *listing) (string, string) { return l.tags[c], "" },
		}, nil
	}
	match, err := npmRange(c)
	if err != nil {
		return nil, err
	}
	return &want{exact: exactly(c), match: match, pick: func(l *listing) (string, string) {
		if tool == "yarn" {
			classic := newest(l.versions, func(v string) bool { return major(v) < 2 && match(v) }, compareSemver)
			if classic != "" {
				return classic, ""
			}
		}
		// What the authors call latest is preferred to a newer release that they do not call so
		// yet.
		if v := l.tags["latest"]; v != "" && match(v) && tool != "yarn" {
			return v, ""
		}
		return newest(l.versions, match, compareSemver), ""
	}}, nil
}

func (*manager) name() string { return "npm registry" }

// packages are those that hold the tool's versions.
func (m *manager) packages() []string {
	switch m.tool {
	case "yarn":
		return []string{"yarn", berry}
	case "bun":
		arch := map[string]string{"amd64": "x64", "arm64": "aarch64"}[m.r.st.set.Arch]
		return []string{"@oven/bun-" + m.r.st.set.OS + "-" + arch}
	}
	return []string{m.tool}
}

func (m *manager) find(ctx context.Context, w *want) (string, string, error) {
	return m.r.pick(ctx, w, func(p packument, v string, e edition) bool {
		// The package "yarn" also has early releases of yarn 2, which are not the program.
		return m.tool != "yarn" || (major(v) < 2) == (!strings.Contains(e.Tarball, "cli-dist"))
	}, m.packages()...)
}

func (m *manager) fetch(ctx context.Context, version string, j *job) (string, error) {
	name := m.packages()[0]
	if m.tool == "yarn" && major(version) >= 2 {
		name = berry
	}
	p, _, err := m.r.packument(ctx, name, false)
	if err != nil {
		return "", err
	}
	e := p.Versions[version]
	file, integrity, hashes, err := m.r.tarball(ctx, name, e, j, j.part())
	if err != nil {
		return "", err
	}
	j.hashes = hashes
	switch native := m.native(e); {
	case m.tool == "bun":
		err = m.bun(ctx, file, j.tree)
	case native != "":
		if err = addPackage(ctx, file, j.tree, name, e.Bin); err == nil {
			err = m.addNative(ctx, j, native, e)
		}
	default:
		err = addPackage(ctx, file, j.tree, name, e.Bin)
	}
	if err != nil {
		return "", fmt.Errorf("unpacking %s %s: %w", m.tool, version, err)
	}
	if name == berry {
		// Corepack pins the one file that yarn is, not the package around it.
		own, err := hashFile(filepath.Join(j.tree, "lib", "node_modules", filepath.FromSlash(name), "bin", "yarn.js"))
		if err != nil {
			return "", fmt.Errorf("unpacking yarn %s: %w", version, err)
		}
		j.hashes = append(j.hashes, own...)
	}
	return integrity, nil
}

// bun unpacks the platform's package, which is bin/bun and little more, and adds the second name
// that the program goes by.
func (m *manager) bun(ctx context.Context, file, tree string) error {
	if err := unpackFile(ctx, file, tree, 1); err != nil {
		return err
	}
	program := filepath.Join(tree, "bin", "bun")
	if info, err := os.Lstat(program); err != nil || !info.Mode().IsRegular() {
		return errors.New("there is no bin/bun in it")
	}
	if err := os.Chmod(program, 0o755); err != nil {
		return err
	}
	return os.Symlink("bun", filepath.Join(tree, "bin", "bunx"))
}

// native is the package that holds a pnpm's program for the platform, "" for a pnpm that is
// JavaScript. From 12 on the package "pnpm" holds placeholders, which its install script replaces
// with the program.
func (m *manager) native(e edition) string {
	name := "@pnpm/exe." + m.r.st.set.OS + "-" + nodeArch(m.r.st.set.Arch)
	if m.tool == "pnpm" && e.Optional[name] != "" {
		return name
	}
	return ""
}

// addNative does what pnpm's install script does: the platform's program takes the place of every
// placeholder.
func (m *manager) addNative(ctx context.Context, j *job, name string, e edition) error {
	p, _, err := m.r.packument(ctx, name, false)
	if err != nil {
		return err
	}
	version := e.Optional[name]
	if _, ok := p.Versions[version]; !ok { // the kept list may be older than pnpm's own
		if p, _, err = m.r.packument(ctx, name, true); err != nil {
			return err
		}
	}
	own, ok := p.Versions[version]
	if !ok {
		return fmt.Errorf("its program %s %s is missing", name, version)
	}
	file, _, _, err := m.r.tarball(ctx, name, own, j, j.part())
	if err != nil {
		return err
	}
	dir := filepath.Join(j.temp, "native")
	if err := unpackFile(ctx, file, dir, 1); err != nil {
		return err
	}
	program := filepath.Join(dir, "pnpm")
	if info, err := os.Lstat(program); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("there is no pnpm in %s", name)
	}
	if err := os.Chmod(program, 0o755); err != nil {
		return err
	}
	for _, target := range e.Bin { // linkBins has seen that each is a file of the package
		place := filepath.Join(j.tree, "lib", "node_modules", "pnpm", filepath.FromSlash(target))
		if err := os.Remove(place); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Link(program, place); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// linkBins links the programs of the package in home, a path inside the tree, into the tree's bin.
func linkBins(tree, home string, bin map[string]string) error {
	root, err := os.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll("bin", 0o755); err != nil {
		return err
	}
	for name, target := range bin {
		program := filepath.Join(home, filepath.FromSlash(target))
		if !filepath.IsLocal(filepath.FromSlash(target)) || filepath.Base(name) != name || name == "." || name == ".." {
			return fmt.Errorf("its program %q lies outside the package", name)
		}
		if info, err := root.Lstat(program); err != nil || !info.Mode().IsRegular() {
			return fmt.Errorf("its program %q is missing", name)
		}
		if err := root.Chmod(program, 0o755); err != nil {
			return err
		}
		if err := root.Symlink(filepath.Join("..", program), filepath.Join("bin", name)); err != nil {
			return err
		}
	}
	return nil
}

func hashFile(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := newSums()
	var ws []io.Writer
	for _, h := range s.hashes() {
		ws = append(ws, h)
	}
	if _, err := io.Copy(io.MultiWriter(ws...), f); err != nil {
		return nil, err
	}
	return s.texts(), nil
}
