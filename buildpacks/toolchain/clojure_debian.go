package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

const debianName = "Debian packages"

// aptTool finds and unpacks Debian's packages for a tool.
type aptTool struct{ st *Store }

// aptPackages says which packages hold a tool's versions.
type aptPackages struct {
	prefix  string
	name    *lazyregexp.Regexp
	version func(pkg, debian string) string // the tool's version in a package's; "" for none
	compare func(a, b string) int
}

// aptPackage is one package.
type aptPackage struct{ name, version string }

// use runs f while no other process uses apt's state.
func (a aptTool) use(ctx context.Context, f func(*debian) error) error {
	l, err := a.st.lock(ctx, "apt", false)
	if err != nil {
		return err
	}
	defer l.Unlock()
	apt := &debian{set: a.st.set.Debian, dir: filepath.Join(a.st.dir, aptDir)}
	if err := apt.prepare(); err != nil {
		return err
	}
	return f(apt)
}

func (a aptTool) enabled() bool {
	set := a.st.set
	if host := runtime.GOOS + "/" + runtime.GOARCH; set.Debian.Bin == "" || set.OS+"/"+set.Arch != host ||
		runtime.GOOS != "linux" {
		return false
	}
	for _, program := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := os.Stat(filepath.Join(set.Debian.Bin, program)); err != nil {
			return false
		}
	}
	return true
}

// find chooses a version of those that the machine's package sources have. Their lists are fetched
// anew once a day, and when nothing in them fits.
func (a aptTool) find(ctx context.Context, w *want, of aptPackages) (version, note string, err error) {
	if !a.enabled() {
		return "", "", errDisabled
	}
	err = a.use(ctx, func(apt *debian) error {
		now := a.st.set.Now()
		for stale := a.st.set.Fresh || !within(now, apt.updated()); ; stale = true {
			if stale {
				if err := apt.update(ctx, now); err != nil {
					return err
				}
			}
			found, err := a.versions(ctx, apt, of)
			if err != nil {
				return err
			}
			l := &listing{}
			for v := range found {
				l.versions = append(l.versions, v)
			}
			if version, note = w.pick(l); version != "" {
				return nil
			}
			if stale && len(l.versions) == 0 {
				return fmt.Errorf("the machine's package sources have no %s", strings.TrimSuffix(of.prefix, "-"))
			}
			if stale {
				slices.SortFunc(l.versions, func(x, y string) int { return of.compare(y, x) })
				return fmt.Errorf(
					"the machine's package sources have %s",
					strings.Join(l.versions[:min(5, len(l.versions))], ", "),
				)
			}
		}
	})
	return version, note, err
}

// versions are the packages by the version of the tool they hold, of several revisions the newest.
func (a aptTool) versions(ctx context.Context, apt *debian, of aptPackages) (map[string]aptPackage, error) {
	names, err := apt.names(ctx, of.prefix)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !of.name.MatchString(name) })
	if len(names) == 0 {
		return nil, nil
	}
	slices.Sort(names)
	versions, err := apt.versions(ctx, names...)
	if err != nil {
		return nil, err
	}
	found := map[string]aptPackage{}
	for _, name := range names {
		for _, debian := range versions[name] { // apt names the newest first
			v := of.version(name, debian)
			if _, newer := found[v]; v != "" && !newer {
				found[v] = aptPackage{name, debian}
			}
		}
	}
	return found, nil
}

// fetch unpacks a version below root and returns one digest for all packages that were. choose
// takes of what the package needs, as "name=version", what is to be unpacked.
func (a aptTool) fetch(
	ctx context.Context,
	version string,
	j *job,
	of aptPackages,
	root string,
	choose func(from aptPackage, needed []string) []string,
) (digest string, err error) {
	err = a.use(ctx, func(apt *debian) error {
		all, err := a.versions(ctx, apt, of)
		if err != nil {
			return err
		}
		from, ok := all[version]
		if !ok {
			return errNoVersion
		}
		needed, err := apt.closure(ctx, from.name+"="+from.version)
		if err != nil {
			return err
		}
		debs := filepath.Join(j.temp, "debs")
		if err := errors.Join(os.MkdirAll(debs, 0o755), os.MkdirAll(root, 0o755)); err != nil {
			return err
		}
		j.part()(0, 0)
		if err := apt.download(ctx, debs, choose(from, needed)); err != nil {
			return err
		}
		files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := apt.unpack(ctx, file, root); err != nil {
				return err
			}
		}
		digest, err = digestOf(files)
		return err
	})
	return digest, err
}
