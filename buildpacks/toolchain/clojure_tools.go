package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slugc/detect/lazyregexp"
)

// leiningenTool is Leiningen: lib/leiningen-‹version›-standalone.jar, which is all of it. A
// constraint is an npm range; "" is 2.x.
func leiningenTool(st *Store) *tool {
	return &tool{
		parse: func(c string) (*want, error) {
			if strings.TrimSpace(c) == "" {
				c = "2.x"
			}
			match, err := npmRange(strings.TrimSpace(c))
			if err != nil {
				return nil, err
			}
			return &want{
				exact: exactly(c),
				match: match,
				pick:  func(l *listing) (string, string) { return newest(l.versions, match, compareSemver), "" },
			}, nil
		},
		compare: compareSemver,
		sources: []source{
			&jarDist{
				st: st, tool: "Leiningen", base: st.set.LeinMirror, origin: "https://github.com/technomancy/leiningen/releases/download", known: knownLeiningen,
				file: lazyregexp.New(
					`^leiningen-(\d+\.\d+\.\d+)-standalone\.jar$`,
				), names: "leiningen-%s-standalone.jar",
			},
			&debianJars{apt: aptTool{st}, of: aptPackages{
				prefix: "leiningen", name: lazyregexp.New(`^leiningen$`), version: upstream(lazyregexp.New(`^(\d+\.\d+\.\d+)[-+~]`)), compare: compareSemver,
			}, take: lazyregexp.New(`^leiningen$`)},
		},
	}
}

var clojureVersion = lazyregexp.New(`^\d+\.\d+\.\d+(?:\.\d+)?$`)

// clojureTool is the Clojure command line's tools.deps with all it needs, as jars in lib. A
// constraint is one version of the command ("1.12.4.1597"); "" is the newest. Debian has the
// library alone, under its own versions ("0.16.1264").
func clojureTool(st *Store) *tool {
	return &tool{
		parse: func(c string) (*want, error) {
			c = strings.TrimSpace(c)
			if c == "" {
				return &want{
					match: anyRelease,
					pick:  func(l *listing) (string, string) { return newest(l.versions, anyRelease, compareJDK), "" },
				}, nil
			}
			if !clojureVersion.MatchString(c) {
				return nil, errors.New("a version such as 1.12.4.1597 is expected")
			}
			match := func(v string) bool { return v == c }
			return &want{
				exact: c,
				match: match,
				pick:  func(l *listing) (string, string) { return newest(l.versions, match, compareJDK), "" },
			}, nil
		},
		compare: compareJDK,
		sources: []source{
			&jarDist{
				st: st, tool: "Clojure", base: st.set.ClojureMirror, origin: "https://github.com/clojure/brew-install/releases/download", known: knownClojure,
				file: lazyregexp.New(
					`^clojure-tools-(\d+\.\d+\.\d+(?:\.\d+)?)\.tar\.gz$`,
				), names: "clojure-tools-%s.tar.gz",
			},
			&debianJars{apt: aptTool{st}, of: aptPackages{
				prefix: "libtools-deps-clojure", name: lazyregexp.New(`^libtools-deps-clojure$`), version: upstream(lazyregexp.New(`^(\d+\.\d+\.\d+)[-+~]`)), compare: compareJDK,
			}, take: lazyregexp.New(`^lib.*-(?:java|clojure)$`)},
		},
	}
}

// upstream reads the authors' version in Debian's.
func upstream(form *lazyregexp.Regexp) func(pkg, debian string) string {
	return func(_, debian string) string {
		if m := form.FindStringSubmatch(upstreamOf(debian)); m != nil {
			return m[1]
		}
		return ""
	}
}

// debianJars is a tool made of jars in Debian's packages.
type debianJars struct {
	apt  aptTool
	of   aptPackages
	take *lazyregexp.Regexp // of the packages that are needed, those whose jars are taken
}

func (*debianJars) name() string { return debianName }

func (d *debianJars) find(ctx context.Context, w *want) (string, string, error) {
	return d.apt.find(ctx, w, d.of)
}

func (d *debianJars) fetch(ctx context.Context, version string, j *job) (string, error) {
	root := filepath.Join(j.temp, "root")
	digest, err := d.apt.fetch(ctx, version, j, d.of, root, func(from aptPackage, needed []string) []string {
		var wanted []string
		for _, p := range needed {
			if name, _, _ := strings.Cut(p, "="); d.take.MatchString(name) {
				wanted = append(wanted, p)
			}
		}
		return wanted
	})
	if err != nil {
		return "", err
	}
	lib := filepath.Join(j.tree, "lib")
	if err := os.MkdirAll(lib, 0o755); err != nil {
		return "", err
	}
	if err := gatherJars(filepath.Join(root, "usr", "share", "java"), lib); err != nil {
		return "", fmt.Errorf("unpacking Debian's %s: %w", d.of.prefix, err)
	}
	return digest, nil
}
