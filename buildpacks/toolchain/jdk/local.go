package jdk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/toolchain/source"
)

// local is a JDK of the machine's, copied into the store: distributions of Linux scatter its
// configuration and certificates over /etc, which a build does not see, and replace it when they
// update.
type local struct{ places []string }

// Name returns "this machine".
func (*local) Name() string { return "this machine" }

var errNoJDK = errors.New("it has no JDK")

// Endpoints returns the places of JDKs.
func (l *local) Endpoints(context.Context) []source.Endpoint {
	if len(l.places) == 0 {
		return source.Off(l.Name())
	}
	return []source.Endpoint{{
		Name: l.Name(), Address: strings.Join(l.places, ", "),
		Check: func(context.Context) error {
			if len(l.homes()) == 0 {
				return errNoJDK
			}
			return nil
		},
	}}
}

// homes are the machine's JDKs by version. The first of a version counts.
func (l *local) homes() map[string]string {
	found := map[string]string{}
	for _, place := range l.places {
		homes := []string{place}
		entries, _ := os.ReadDir(place)
		for _, e := range entries {
			homes = append(homes, filepath.Join(place, e.Name()))
		}
		for _, home := range homes {
			if v := versionAt(home); v != "" && found[v] == "" {
				found[v] = home
			}
		}
	}
	return found
}

// versionAt is the version of the JDK at a path, "" where there is none that can link runtimes (or,
// up to Java 8, that holds one).
func versionAt(home string) string {
	f, err := os.Open(filepath.Join(home, "release"))
	if err != nil {
		return ""
	}
	defer f.Close()
	version := ""
	lines := bufio.NewScanner(io.LimitReader(f, 64<<10))
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "JAVA_VERSION="); ok {
			version = normalize(strings.Trim(v, `"`))
		}
	}
	for _, needed := range []string{"bin/java", "bin/javac", "bin/jlink"} {
		if feature(version) < 9 && needed == "bin/jlink" {
			needed = "jre/bin/java"
		}
		if _, err := os.Stat(filepath.Join(home, filepath.FromSlash(needed))); err != nil {
			return ""
		}
	}
	return version
}

// Resolve chooses one of the machine's versions.
func (l *local) Resolve(_ context.Context, c *source.Constraint) (string, string, error) {
	if len(l.places) == 0 {
		return "", "", source.ErrDisabled
	}
	have := slices.SortedFunc(maps.Keys(l.homes()), source.CompareNumbers)
	if len(have) == 0 {
		return "", "", errNoJDK
	}
	if v, note := c.Pick(source.Listing{Versions: have}); v != "" {
		return v, note, nil
	}
	return "", "", fmt.Errorf("it has %s", strings.Join(have, ", "))
}

// Fetch copies a JDK and returns a digest of the copy.
func (l *local) Fetch(ctx context.Context, version string, j *source.Job) (string, error) {
	home := l.homes()[version]
	if home == "" {
		return "", source.ErrNoVersion
	}
	d, err := copyTree(ctx, home, j.Tree, "/")
	if err != nil {
		return "", fmt.Errorf("copying the machine's JDK %s: %w", version, err)
	}
	return d.String(), finish(j.Tree)
}
