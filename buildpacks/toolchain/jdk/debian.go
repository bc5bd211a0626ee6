package jdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/libraries"
	"slugc/buildpacks/toolchain/source"
	"slugc/detect/lazyregexp"
)

var (
	debianPackage = lazyregexp.New(`^openjdk-\d+-jdk-headless$`)
	debianVersion = lazyregexp.New(`^(\d+(?:\.\d+)*|\d+u\d+)[-+~]`)
)

// neededLibraries are the packages of libraries that a JVM loads.
var neededLibraries = []string{"zlib1g", "libstdc++6", "libgcc-s1"}

// newDebian returns the source that makes a JDK of Debian's openjdk-‹N›-jdk-headless and
// -jre-headless with the C++ and zip libraries they need and Mozilla's certificates, which a script
// of Debian's makes into a key store where they are installed.
func newDebian(client *apt.Client) source.Source {
	upstream := apt.Upstream(debianVersion)
	return &apt.Source{
		Client: client,
		Packages: apt.Packages{
			Prefix: "openjdk-", Name: debianPackage, Compare: source.CompareNumbers,
			Version: func(debian string) string { return normalize(upstream(debian)) },
			Own: func(f apt.Found) []string {
				jre := f
				jre.Package = strings.Replace(f.Package, "-jdk-", "-jre-", 1)
				return []string{f.String(), jre.String(), "ca-certificates"}
			},
			Needs: func(name string) bool { return slices.Contains(neededLibraries, name) },
		},
		Place: debian{client}.place,
	}
}

type debian struct{ *apt.Client }

func (d debian) place(ctx context.Context, debs []string, _ apt.Found, j *source.Job) error {
	root := filepath.Join(j.Temp, "root")
	if err := d.Unpack(ctx, root, debs...); err != nil {
		return err
	}
	homes, err := filepath.Glob(filepath.Join(root, "usr/lib/jvm/java-*-openjdk-*"))
	homes = slices.DeleteFunc(homes, func(home string) bool {
		info, err := os.Lstat(home)
		return err != nil || !info.IsDir() // a second name
	})
	if err != nil || len(homes) != 1 {
		return errors.Join(errors.New("unpacking Debian's JDK: it is not where it is expected"), err)
	}
	if _, err := copyTree(ctx, homes[0], j.Tree, root); err != nil {
		return fmt.Errorf("unpacking Debian's JDK: %w", err)
	}
	if err := bringLibraries(j.Tree, root); err != nil {
		return err
	}
	certificates := filepath.Join(root, "usr/share/ca-certificates")
	if err := writeKeyStore(certificates, filepath.Join(j.Tree, "lib", "security", "cacerts")); err != nil {
		return err
	}
	return finish(j.Tree)
}

// bringLibraries brings what the JVM needs of the packages that are unpacked in root.
func bringLibraries(tree, root string) error {
	triples, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu*"))
	if err != nil {
		return err
	}
	var from []string
	for _, t := range triples {
		from = append(from, t, filepath.Join(root, "lib", filepath.Base(t)))
	}
	lib := filepath.Join(tree, "lib")
	roots := []string{filepath.Join(tree, "bin", "java"), filepath.Join(lib, "server")}
	_, _, err = libraries.Bring(lib, roots, from)
	return err
}

// writeKeyStore makes a key store of every certificate file below dir.
func writeKeyStore(dir, file string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.crt"))
	if err != nil {
		return err
	}
	var bundle []byte
	for _, f := range files { // sorted by name
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		bundle = append(append(bundle, data...), '\n')
	}
	store, n := keyStore(bundle)
	if n == 0 {
		return errors.New("unpacking Debian's JDK: there are no certificates in it")
	}
	return os.WriteFile(file, store, 0o644)
}
