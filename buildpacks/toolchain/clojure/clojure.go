// Package clojure is what builds Clojure apps, as tools for the toolchain store: Leiningen, and the
// Clojure command line's tools.deps with all it needs. Both trees are jars in lib.
//
// They come from the authors' releases, of which the checksums are known here, or from a mirror of
// them; else from Debian's packages, unpacked. [Tools] is all there is:
//
//	tools := clojure.Tools(env, debian, clojure.Settings{})
//
// # Constraints
//
// On leiningen an npm range; "" is 2.x. On clojure one version of the command ("1.12.4.1597"); ""
// is the newest. Debian has the library tools.deps alone, under its own versions ("0.16.1264").
package clojure

import (
	"errors"
	"strings"

	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/source"
	"slugc/detect/lazyregexp"
)

// Settings configures the sources. See newDist for the layout of a mirror.
type Settings struct {
	LeinMirror    string // base of Leiningen's jars; "" is the authors' own, "off" disables the source
	ClojureMirror string // base of the Clojure tools' tarballs, likewise
}

// Tools are Leiningen and the Clojure tools.
func Tools(env *source.Env, debian *apt.Client, set Settings) []source.Tool {
	return []source.Tool{{
		Name:    "leiningen",
		Parse:   parseLeiningen,
		Compare: source.CompareSemver,
		Sources: []source.Source{
			newDist(env, leiningenReleases, set.LeinMirror),
			newDebian(debian, apt.Packages{
				Prefix: "leiningen", Name: lazyregexp.New(`^leiningen$`), Compare: source.CompareSemver,
				Needs: func(string) bool { return false },
			}),
		},
	}, {
		Name:    "clojure",
		Parse:   parseClojure,
		Compare: source.CompareNumbers,
		Sources: []source.Source{
			newDist(env, clojureReleases, set.ClojureMirror),
			newDebian(debian, apt.Packages{
				Prefix: "libtools-deps-clojure", Name: lazyregexp.New(`^libtools-deps-clojure$`),
				Compare: source.CompareNumbers, Needs: libraryPackage.MatchString,
			}),
		},
	}}
}

var (
	clojureVersion = lazyregexp.New(`^\d+\.\d+\.\d+(?:\.\d+)?$`)
	libraryPackage = lazyregexp.New(`^lib.*-(?:java|clojure)$`)
)

func parseLeiningen(constraint string) (*source.Constraint, error) {
	text := strings.TrimSpace(constraint)
	if text == "" {
		text = "2.x"
	}
	match, err := source.NpmRange(text)
	if err != nil {
		return nil, err
	}
	return source.NewestOf(source.ExactSemver(text), match, source.CompareSemver), nil
}

func parseClojure(constraint string) (*source.Constraint, error) {
	text := strings.TrimSpace(constraint)
	switch {
	case text == "":
		return source.NewestOf("", source.IsRelease, source.CompareNumbers), nil
	case !clojureVersion.MatchString(text):
		return nil, errors.New("a version such as 1.12.4.1597 is expected")
	}
	return source.NewestOf(text, func(v string) bool { return v == text }, source.CompareNumbers), nil
}
