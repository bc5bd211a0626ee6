package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// debianJDK is Debian's openjdk‹N›-jdk-headless and -jre-headless, unpacked, with the C++ and zip
// libraries it needs and Mozilla's certificates, which on an installed Debian are made into a key
// store by a script.
type debianJDK struct{ apt aptTool }

var (
	openjdk        = lazyregexp.New(`^openjdk-\d+-jdk-headless$`)
	openjdkVersion = lazyregexp.New(`^(\d+(?:\.\d+)*|\d+u\d+)[-+~]`)
)

func (*debianJDK) name() string { return debianName }

func (d *debianJDK) packages() aptPackages {
	return aptPackages{prefix: "openjdk-", name: openjdk, version: func(_, debian string) string {
		m := openjdkVersion.FindStringSubmatch(upstreamOf(debian))
		if m == nil {
			return ""
		}
		return javaRelease(m[1])
	}, compare: compareJDK}
}

func (d *debianJDK) find(ctx context.Context, w *want) (string, string, error) {
	return d.apt.find(ctx, w, d.packages())
}

func (d *debianJDK) fetch(ctx context.Context, version string, j *job) (string, error) {
	root := filepath.Join(j.temp, "root")
	digest, err := d.apt.fetch(ctx, version, j, d.packages(), root, func(from aptPackage, needed []string) []string {
		jre := strings.Replace(from.name, "-jdk-", "-jre-", 1)
		wanted := []string{from.name + "=" + from.version, jre + "=" + from.version, "ca-certificates"}
		for _, p := range needed {
			switch name, _, _ := strings.Cut(p, "="); name {
			case "zlib1g", "libstdc++6", "libgcc-s1":
				wanted = append(wanted, p)
			}
		}
		return wanted
	})
	if err != nil {
		return "", err
	}
	homes, err := filepath.Glob(filepath.Join(root, "usr/lib/jvm/java-*-openjdk-*"))
	homes = slices.DeleteFunc(homes, func(home string) bool {
		info, err := os.Lstat(home)
		return err != nil || !info.IsDir() // a second name
	})
	if err != nil || len(homes) != 1 {
		return "", errors.Join(errors.New("unpacking Debian's JDK: it is not where it is expected"), err)
	}
	c := jdkCopy{ctx: ctx, root: root, sum: sha256.New()}
	if err := c.dir(homes[0], j.tree, "."); err != nil {
		return "", fmt.Errorf("unpacking Debian's JDK: %w", err)
	}
	triples, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu*"))
	if err != nil {
		return "", err
	}
	var from []string
	for _, t := range triples {
		from = append(from, t, filepath.Join(root, "lib", filepath.Base(t)))
	}
	if _, _, err := BringLibraries(filepath.Join(j.tree, "lib"), []string{filepath.Join(j.tree, "bin", "java"), filepath.Join(j.tree, "lib", "server")}, from); err != nil {
		return "", err
	}
	if err := certificates(filepath.Join(root, "usr/share/ca-certificates"), filepath.Join(j.tree, "lib", "security", "cacerts")); err != nil {
		return "", err
	}
	return digest, finishJDK(j.tree)
}

// certificates makes a key store of every certificate file below dir.
func certificates(dir, file string) error {
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
	store, n := KeyStore(bundle)
	if n == 0 {
		return errors.New("unpacking Debian's JDK: there are no certificates in it")
	}
	return os.WriteFile(file, store, 0o644)
}

// digestOf is a digest of files' digests, in the order given.
func digestOf(files []string) (string, error) {
	all := sha256.New()
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%x  %s\n", sha256.Sum256(data), filepath.Base(file))
	}
	return "sha256:" + hex.EncodeToString(all.Sum(nil)), nil
}
