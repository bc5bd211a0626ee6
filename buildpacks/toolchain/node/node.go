// Package node is Node and the package managers npm, pnpm, yarn and bun, as tools for the toolchain
// store.
//
// Node comes from a nodejs.org-layout distribution, or from the npm registry: the package
// node-‹os›-‹arch› with an npm added. Either way the tree is laid out as the official
// distribution's. The package managers come from the npm registry: yarn from version 2 on as
// @yarnpkg/cli-dist, bun as @oven/bun-‹os›-‹arch›, and the program of pnpm from version 12 on as
// @pnpm/exe.‹os›-‹arch›.
//
// [Tools] is all there is:
//
//	tools := node.Tools(env, node.Settings{Registry: registry})
//
// # Constraints
//
// On Node: npm ranges; "" and "lts/*" for the newest LTS line, "lts/‹codename›", "lts/-1" for the
// line before the newest; "node", "latest", "current" and "stable" for the newest release of all.
//
// On a package manager: npm ranges and the registry's tags; "" and "latest" for the version that
// the registry calls latest. For yarn "", "classic" and any range that admits it ask for 1.x, and
// "berry", "latest" and "stable" for what came after.
package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slugc/buildpacks/toolchain/source"
)

// Settings configures the sources of Node and its package managers.
type Settings struct {
	Dist string // base of a nodejs.org-layout distribution; "" is the authors' own, "off" disables the source
	// Registry returns the base address of the npm registry. It is asked at most once, and only
	// when a source needs it. Nil disables the registry.
	Registry func(context.Context) (string, error)
	// Tokens are bearer tokens by the part of the address they belong to, as in an .npmrc:
	// "//host/path/".
	Tokens    map[string]string
	AllowWide bool // let an open range such as ">=18" choose a release newer than the newest LTS line
}

// Tools are Node, npm, pnpm, yarn, bun and the server of static files.
func Tools(env *source.Env, set Settings) []source.Tool {
	r := &registry{env: env, settings: set}
	tools := []source.Tool{{
		Name:    "node",
		Parse:   func(c string) (*source.Constraint, error) { return parse(c, set.AllowWide, env.Now) },
		Compare: source.CompareSemver,
		Sources: []source.Source{newDist(env, set.Dist), &packagedNode{r}},
	}}
	for _, name := range []string{"npm", "pnpm", "yarn", "bun"} {
		tools = append(tools, source.Tool{
			Name:    name,
			Parse:   func(c string) (*source.Constraint, error) { return parseManager(name, c) },
			Compare: source.CompareSemver,
			Sources: []source.Source{&manager{r, name}},
		})
	}
	static := newStaticServer(r)
	return append(tools, source.Tool{
		Name: StaticServer, Parse: static.parse, Compare: source.CompareSemver, Sources: []source.Source{static},
	})
}

func parse(constraint string, allowWide bool, now func() time.Time) (*source.Constraint, error) {
	text := strings.ToLower(strings.TrimSpace(constraint))
	switch {
	case strings.HasPrefix(text, "iojs"):
		return nil, errors.New("io.js ended in 2015; name a release of Node")
	case text == "" || text == "lts" || strings.HasPrefix(text, "lts/"):
		return parseLTS(text, now)
	case text == "node" || text == "latest" || text == "current" || text == "stable":
		return source.NewestOf("", source.IsRelease, source.CompareSemver), nil
	}
	match, err := source.NpmRange(text)
	if err != nil {
		return nil, err
	}
	c := source.NewestOf(source.ExactSemver(text), match, source.CompareSemver)
	if !allowWide {
		c.Pick = func(l source.Listing) (string, string) { return pickNarrow(l, match, constraint, now()) }
	}
	return c, nil
}

func parseLTS(alias string, now func() time.Time) (*source.Constraint, error) {
	if err := checkAlias(alias); err != nil {
		return nil, err
	}
	return &source.Constraint{Match: source.IsRelease, Pick: func(l source.Listing) (string, string) {
		line, ok := ltsMajor(l, alias, now())
		if !ok {
			return "", ""
		}
		ofLine := func(v string) bool { return source.Major(v) == line && source.IsRelease(v) }
		return source.Newest(l.Versions, ofLine, source.CompareSemver), ""
	}}, nil
}

// pickNarrow picks the newest version that matches, and holds an open range to the newest LTS line:
// a range such as ">=18" would otherwise move an app to a new major on the day it is released,
// before it is ready for production.
func pickNarrow(l source.Listing, match func(string) bool, constraint string, now time.Time) (version, note string) {
	v := source.Newest(l.Versions, match, source.CompareSemver)
	if v == "" {
		return "", ""
	}
	m := source.Major(v)
	open := match(fmt.Sprintf("%d.0.0", m+1)) || match(fmt.Sprintf("%d.0.0", m-1))
	majors := ltsMajors(l, now)
	if !open || len(majors) == 0 || m <= majors[0] {
		return v, ""
	}
	ofLine := func(v string) bool { return source.Major(v) == majors[0] && match(v) }
	lts := source.Newest(l.Versions, ofLine, source.CompareSemver)
	if lts == "" {
		return v, ""
	}
	return lts, fmt.Sprintf("the range %q admits Node %s; taking %s of the newest LTS line", constraint, v, lts)
}

// needless are parts of a distribution that no build reads.
var needless = []string{
	"share/doc", "share/man", "CHANGELOG.md", "README.md", "lib/node_modules/npm/docs", "lib/node_modules/npm/man",
}

// finish checks a Node tree and drops what no build reads.
func finish(tree string) error {
	program := filepath.Join(tree, "bin", "node")
	if !isRegular(program) {
		return errors.New("unpacking node: there is no bin/node in it")
	}
	if err := os.Chmod(program, 0o755); err != nil {
		return err
	}
	for _, name := range needless {
		if err := os.RemoveAll(filepath.Join(tree, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

func isRegular(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

// processor is Node's name of one of Go's processors.
func processor(arch string) string {
	if arch == "amd64" {
		return "x64"
	}
	return arch
}
