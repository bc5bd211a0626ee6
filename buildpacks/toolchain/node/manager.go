package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/toolchain/source"
)

// berry is the package that yarn is published as from version 2 on.
const berry = "@yarnpkg/cli-dist"

// manager is a package manager from the npm registry.
type manager struct {
	*registry
	tool string
}

func parseManager(tool, constraint string) (*source.Constraint, error) {
	text := strings.TrimSpace(constraint)
	switch {
	case tool == "yarn" && (text == "" || text == "classic"):
		text = "1.x"
	case tool == "yarn" && (text == "berry" || text == "latest" || text == "stable"):
		text = ">=2"
	case text == "" || text == "latest":
		return &source.Constraint{Match: source.IsRelease, Pick: func(l source.Listing) (string, string) {
			if v := l.Tags["latest"]; v != "" {
				return v, ""
			}
			return source.Newest(l.Versions, source.IsRelease, source.CompareSemver), ""
		}}, nil
	case isName(text) && text != "x":
		return &source.Constraint{
			Match: func(string) bool { return false },
			Pick:  func(l source.Listing) (string, string) { return l.Tags[text], "" },
		}, nil
	}
	match, err := source.NpmRange(text)
	if err != nil {
		return nil, err
	}
	c := source.NewestOf(source.ExactSemver(text), match, source.CompareSemver)
	newest := c.Pick
	c.Pick = func(l source.Listing) (string, string) {
		if tool == "yarn" {
			classic := func(v string) bool { return source.Major(v) < 2 && match(v) }
			if v := source.Newest(l.Versions, classic, source.CompareSemver); v != "" {
				return v, ""
			}
		} else if v := l.Tags["latest"]; v != "" && match(v) {
			return v, "" // rather than a newer one that its authors do not call the latest yet
		}
		return newest(l)
	}
	return c, nil
}

// Name returns the registry's name.
func (*manager) Name() string { return registryName }

// Endpoints returns the registry.
func (m *manager) Endpoints(ctx context.Context) []source.Endpoint { return m.endpoints(ctx) }

// packages are those that hold the tool's versions.
func (m *manager) packages() []string {
	switch m.tool {
	case "yarn":
		return []string{"yarn", berry}
	case "bun":
		arch := map[string]string{"amd64": "x64", "arm64": "aarch64"}[m.env.Arch]
		return []string{"@oven/bun-" + m.env.OS + "-" + arch}
	}
	return []string{m.tool}
}

// Resolve chooses a version of the tool's packages.
func (m *manager) Resolve(ctx context.Context, c *source.Constraint) (string, string, error) {
	return m.resolve(ctx, c, func(v string, one manifest) bool {
		// The package "yarn" also has early releases of yarn 2, which are not the program.
		return m.tool != "yarn" || (source.Major(v) < 2) == !strings.Contains(one.Tarball, "cli-dist")
	}, m.packages()...)
}

// Fetch lays out the package as npm's global install does.
func (m *manager) Fetch(ctx context.Context, version string, j *source.Job) (string, error) {
	name := m.packages()[0]
	if m.tool == "yarn" && source.Major(version) >= 2 {
		name = berry
	}
	p, _, err := m.packument(ctx, name, false)
	if err != nil {
		return "", err
	}
	one := p.Versions[version]
	packed, err := m.download(ctx, name, one, j)
	if err != nil {
		return "", err
	}
	j.Pins = packed.pins
	if m.tool == "bun" {
		err = placeBun(ctx, packed.file, j.Tree)
	} else if err = installPackage(ctx, packed.file, j.Tree, name, one.Bin); err == nil {
		err = m.complete(ctx, name, one, j)
	}
	if err != nil {
		return "", fmt.Errorf("unpacking %s %s: %w", m.tool, version, err)
	}
	return packed.integrity, nil
}

// complete finishes the package managers of which the package is not all.
func (m *manager) complete(ctx context.Context, name string, one manifest, j *source.Job) error {
	if native := m.nativePackage(one); native != "" {
		return m.placeNative(ctx, j, native, one)
	}
	if name != berry {
		return nil
	}
	// Corepack pins the one file that yarn is, not the package around it.
	own, err := pinsOf(filepath.Join(j.Tree, packageDir(name), "bin", "yarn.js"))
	j.Pins = append(j.Pins, own...)
	return err
}

// placeBun unpacks the platform's package, which is bin/bun and little more, and adds the second
// name that the program goes by.
func placeBun(ctx context.Context, file, tree string) error {
	if err := source.Unpack(ctx, file, tree, 1); err != nil {
		return err
	}
	program := filepath.Join(tree, "bin", "bun")
	if !isRegular(program) {
		return errors.New("there is no bin/bun in it")
	}
	if err := os.Chmod(program, 0o755); err != nil {
		return err
	}
	return os.Symlink("bun", filepath.Join(tree, "bin", "bunx"))
}

// nativePackage is the package that holds a pnpm's program for the platform, "" for a pnpm that is
// JavaScript. From 12 on the package "pnpm" holds placeholders, which its install script replaces
// with the program.
func (m *manager) nativePackage(one manifest) string {
	name := "@pnpm/exe." + m.env.OS + "-" + processor(m.env.Arch)
	if m.tool == "pnpm" && one.Optional[name] != "" {
		return name
	}
	return ""
}

// placeNative does what pnpm's install script does: the platform's program takes the place of every
// placeholder.
func (m *manager) placeNative(ctx context.Context, j *source.Job, name string, pnpm manifest) error {
	p, _, err := m.packument(ctx, name, false)
	if err != nil {
		return err
	}
	version := pnpm.Optional[name]
	if _, ok := p.Versions[version]; !ok { // the kept list may be older than pnpm's own
		if p, _, err = m.packument(ctx, name, true); err != nil {
			return err
		}
	}
	own, ok := p.Versions[version]
	if !ok {
		return fmt.Errorf("its program %s %s is missing", name, version)
	}
	packed, err := m.download(ctx, name, own, j)
	if err != nil {
		return err
	}
	dir := filepath.Join(j.Temp, "native")
	if err := source.Unpack(ctx, packed.file, dir, 1); err != nil {
		return err
	}
	program := filepath.Join(dir, "pnpm")
	if !isRegular(program) {
		return fmt.Errorf("there is no pnpm in %s", name)
	}
	if err := os.Chmod(program, 0o755); err != nil {
		return err
	}
	for _, target := range pnpm.Bin { // linkPrograms has checked that each is a file of the package
		place := filepath.Join(j.Tree, packageDir("pnpm"), filepath.FromSlash(target))
		if err := os.Remove(place); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Link(program, place); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
