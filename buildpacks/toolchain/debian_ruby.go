package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// debianRuby makes a relocatable Ruby of Debian's unmodified packages: ruby‹X.Y›, libruby‹X.Y›
// (which carries RubyGems and Bundler) and the headers, and of the libraries they name those that
// are not the C library's. Nothing is installed. Debian's rbconfig.rb finds its prefix by its own
// path, so headers and native extensions follow the tree; the standard library's directories must
// be given in RUBYLIB.
type debianRuby struct{ st *Store }

func (*debianRuby) name() string { return "Debian packages" }

// apt is apt with its state in the store. Its configuration names that place, which must stay true
// for whoever reaches the store by another link.
func (s *debianRuby) apt() *debian {
	dir := s.st.dir
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return &debian{set: s.st.set.Debian, dir: filepath.Join(dir, aptDir)}
}

const aptDir = ".apt"

var (
	debianRubyName    = lazyregexp.New(`^ruby\d+\.\d+$`)
	debianRubyVersion = lazyregexp.New(`^(?:\d+:)?(\d+\.\d+\.\d+)(?:[~+.-].*)?$`)
)

// debianPackage is where a Ruby comes from.
type debianPackage struct{ name, version string }

func (s *debianRuby) find(ctx context.Context, w *want) (string, string, error) {
	set := s.st.set
	if set.Debian.Bin == "" || set.OS != runtime.GOOS || set.Arch != runtime.GOARCH {
		return "", "", errDisabled
	}
	for _, program := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := os.Stat(filepath.Join(set.Debian.Bin, program)); err != nil {
			return "", "", errDisabled
		}
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return "", "", err
	}
	defer unlock()
	apt, now := s.apt(), set.Now()
	if err := apt.prepare(); err != nil {
		return "", "", err
	}
	stale := set.Fresh || !within(now, apt.updated())
	for {
		if stale {
			if err := apt.update(ctx, now); err != nil {
				return "", "", err
			}
		}
		found, err := s.rubies(ctx, apt)
		if err != nil {
			return "", "", err
		}
		l := &listing{}
		for v := range found {
			l.versions = append(l.versions, v)
		}
		if v, note := w.pick(l); v != "" {
			return v, note, nil
		}
		if stale {
			return "", "", rubiesLike(l.versions)
		}
		stale = true
	}
}

// lock keeps two processes from using apt's state at once.
func (s *debianRuby) lock(ctx context.Context) (func(), error) {
	l, err := s.st.lock(ctx, "apt", false)
	if err != nil {
		return nil, err
	}
	return func() { _ = l.Unlock() }, nil
}

// rubies are the packages by the version of Ruby they hold, of several the last that apt names: the
// oldest.
func (s *debianRuby) rubies(ctx context.Context, apt *debian) (map[string]debianPackage, error) {
	names, err := apt.names(ctx, "ruby")
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !debianRubyName.MatchString(name) })
	if len(names) == 0 {
		return nil, errors.New("the machine's package sources have no ruby")
	}
	slices.Sort(names)
	versions, err := apt.versions(ctx, names...)
	if err != nil {
		return nil, err
	}
	found := map[string]debianPackage{}
	for _, name := range names {
		for _, v := range versions[name] {
			m := debianRubyVersion.FindStringSubmatch(upstreamOf(v))
			if m == nil {
				continue
			}
			if _, newer := found[m[1]]; !newer { // apt names the newest revision first
				found[m[1]] = debianPackage{name, v}
			}
		}
	}
	return found, nil
}

func (s *debianRuby) fetch(ctx context.Context, version string, j *job) (string, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	apt := s.apt()
	all, err := s.rubies(ctx, apt)
	if err != nil {
		return "", err
	}
	from, ok := all[version]
	if !ok {
		return "", errNoVersion
	}
	own := []string{
		from.name + "=" + from.version,
		"lib" + from.name + "=" + from.version,
		from.name + "-dev=" + from.version,
	}
	needed, err := apt.closure(ctx, own...)
	if err != nil {
		return "", err
	}
	wanted := slices.Clone(own)
	for _, p := range needed {
		name, _, _ := strings.Cut(p, "=")
		if strings.HasPrefix(name, "lib") && !strings.HasPrefix(name, "libruby") && !strings.HasPrefix(name, "libc6") &&
			!strings.HasSuffix(name, "-dev") ||
			name == "zlib1g" {
			wanted = append(wanted, p)
		}
	}
	debs := filepath.Join(j.temp, "debs")
	if err := os.MkdirAll(debs, 0o755); err != nil {
		return "", err
	}
	tell := j.part()
	tell(0, 0)
	if err := apt.download(ctx, debs, wanted); err != nil {
		return "", err
	}
	root := filepath.Join(j.temp, "root")
	digest, err := s.unpack(ctx, apt, debs, root)
	if err != nil {
		return "", err
	}
	return digest, assembleDebian(root, j.tree, from.name, version)
}

// unpack unpacks every package of a directory and returns one digest for all of them.
func (s *debianRuby) unpack(ctx context.Context, apt *debian, debs, root string) (string, error) {
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return "", err
	}
	all := sha256.New()
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%x  %s\n", sha256.Sum256(data), filepath.Base(file))
		into := filepath.Join(root, "libraries")
		if name := filepath.Base(file); strings.HasPrefix(name, "ruby") || strings.HasPrefix(name, "libruby") {
			into = filepath.Join(root, "ruby")
		}
		if err := os.MkdirAll(into, 0o755); err != nil {
			return "", err
		}
		if err := apt.unpack(ctx, file, into); err != nil {
			return "", err
		}
	}
	return "sha256:" + hex.EncodeToString(all.Sum(nil)), nil
}

// assembleDebian makes the tree of unpacked packages.
func assembleDebian(root, tree, pkg, version string) error {
	usr := filepath.Join(root, "ruby", "usr")
	if err := os.RemoveAll(filepath.Join(usr, "share")); err != nil {
		return err
	}
	if err := os.Rename(usr, tree); err != nil {
		return err
	}
	triples, err := filepath.Glob(filepath.Join(tree, "lib", "*-linux-gnu*"))
	if err != nil || len(triples) != 1 {
		return errors.Join(errors.New("unpacking Debian's ruby: its libraries are not where they are expected"), err)
	}
	triple := filepath.Base(triples[0])
	suffix := strings.TrimPrefix(pkg, "ruby")
	for _, name := range []string{"ruby", "bundle", "bundler", "erb", "gem", "irb", "rake", "rdoc", "ri"} {
		bin := filepath.Join(tree, "bin", name)
		if _, err := os.Lstat(bin + suffix); err != nil {
			continue
		}
		// bin/ruby itself, so that it is found under the name that RbConfig gives by the link
		if err := os.Rename(bin+suffix, bin); err != nil {
			return err
		}
		if err := os.Symlink(name, bin+suffix); err != nil {
			return err
		}
	}
	libs := filepath.Join(root, "libraries")
	_, missing, err := BringLibraries(triples[0], []string{tree}, []string{
		filepath.Join(
			libs,
			"usr",
			"lib",
			triple,
		), filepath.Join(libs, "lib", triple), filepath.Join(libs, "usr", "lib"), filepath.Join(libs, "lib"),
	})
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("unpacking Debian's ruby: no package has %s", strings.Join(missing, ", "))
	}
	if err := keepInside(tree, version); err != nil {
		return err
	}
	return finishRuby(tree, version)
}
