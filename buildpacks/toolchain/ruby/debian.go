package ruby

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/libraries"
	"slugc/buildpacks/toolchain/source"
	"slugc/detect/lazyregexp"
)

var (
	debianPackage = lazyregexp.New(`^ruby\d+\.\d+$`)
	debianVersion = lazyregexp.New(`^(?:\d+:)?(\d+\.\d+\.\d+)(?:[~+.-].*)?$`)
)

// newDebian returns the source that makes a relocatable Ruby of Debian's unmodified packages:
// ruby‹X.Y›, libruby‹X.Y› (which carries RubyGems and Bundler) and the headers, and of the
// libraries they name those that are not the C library's. Debian's rbconfig.rb finds its prefix by
// its own path, so headers and native extensions follow the tree; RUBYLIB must name the directories
// of the standard library.
func newDebian(client *apt.Client) source.Source {
	d := debian{client}
	return &apt.Source{
		Client: client,
		Packages: apt.Packages{
			Prefix: "ruby", Name: debianPackage, Version: apt.Upstream(debianVersion), Compare: compare, None: none,
			Own: func(f apt.Found) []string {
				return []string{f.String(), "lib" + f.String(), f.Package + "-dev=" + f.Debian}
			},
			Needs: isRuntimeLibrary,
		},
		Place: d.place,
	}
}

// isRuntimeLibrary reports whether a package is a library that Ruby loads, and not Ruby's or the C
// library's own.
func isRuntimeLibrary(name string) bool {
	return name == "zlib1g" || strings.HasPrefix(name, "lib") && !strings.HasPrefix(name, "libruby") &&
		!strings.HasPrefix(name, "libc6") && !strings.HasSuffix(name, "-dev")
}

type debian struct{ *apt.Client }

// place unpacks Ruby's own packages apart from the libraries' and makes the tree of both.
func (d debian) place(ctx context.Context, debs []string, f apt.Found, j *source.Job) error {
	own, libs := filepath.Join(j.Temp, "root", "ruby"), filepath.Join(j.Temp, "root", "libraries")
	for _, deb := range debs {
		into := libs
		if name := filepath.Base(deb); strings.HasPrefix(name, "ruby") || strings.HasPrefix(name, "libruby") {
			into = own
		}
		if err := d.Unpack(ctx, into, deb); err != nil {
			return err
		}
	}
	usr := filepath.Join(own, "usr")
	if err := os.RemoveAll(filepath.Join(usr, "share")); err != nil {
		return err
	}
	if err := os.Rename(usr, j.Tree); err != nil {
		return err
	}
	if err := renamePrograms(filepath.Join(j.Tree, "bin"), strings.TrimPrefix(f.Package, "ruby")); err != nil {
		return err
	}
	if err := bringLibraries(j.Tree, libs); err != nil {
		return err
	}
	if err := writeDefaults(j.Tree, f.Version); err != nil {
		return err
	}
	return finish(j.Tree, f.Version)
}

// renamePrograms renames the programs to their plain names, and links Debian's names to them.
// bin/ruby is the file, because RbConfig names Ruby by the link.
func renamePrograms(bin, suffix string) error {
	for _, name := range []string{"ruby", "bundle", "bundler", "erb", "gem", "irb", "rake", "rdoc", "ri"} {
		program := filepath.Join(bin, name)
		if _, err := os.Lstat(program + suffix); err != nil {
			continue
		}
		if err := os.Rename(program+suffix, program); err != nil {
			return err
		}
		if err := os.Symlink(name, program+suffix); err != nil {
			return err
		}
	}
	return nil
}

// bringLibraries brings what the tree needs of the unpacked packages in libs.
func bringLibraries(tree, libs string) error {
	triples, err := filepath.Glob(filepath.Join(tree, "lib", "*-linux-gnu*"))
	if err != nil || len(triples) != 1 {
		return errors.Join(errors.New("unpacking Debian's ruby: its libraries are not where they are expected"), err)
	}
	triple := filepath.Base(triples[0])
	var from []string
	for _, dir := range []string{"usr/lib/" + triple, "lib/" + triple, "usr/lib", "lib"} {
		from = append(from, filepath.Join(libs, filepath.FromSlash(dir)))
	}
	_, missing, err := libraries.Bring(triples[0], []string{tree}, from)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("unpacking Debian's ruby: no package has %s", strings.Join(missing, ", "))
	}
	return err
}
