package toolchain

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// nodeRegistry is Node from the npm registry: the package node-‹os›-‹arch› with an npm added, so
// that the tree is laid out as the official distribution's.
type nodeRegistry struct{ r *registry }

func (*nodeRegistry) name() string { return "npm registry" }

func (n *nodeRegistry) pkg() string {
	return "node-" + n.r.st.set.OS + "-" + nodeArch(n.r.st.set.Arch)
}

func (n *nodeRegistry) find(ctx context.Context, w *want) (string, string, error) {
	return n.r.pick(ctx, w, func(p packument, v string, e edition) bool {
		// The oldest releases of the package hold an archive and an install script.
		return strings.TrimPrefix(e.Bin["node"], "./") == "bin/node"
	}, n.pkg())
}

func (n *nodeRegistry) fetch(ctx context.Context, version string, j *job) (string, error) {
	p, _, err := n.r.packument(ctx, n.pkg(), false)
	if err != nil {
		return "", err
	}
	npms, _, err := n.r.packument(ctx, "npm", false)
	if err != nil {
		return "", err
	}
	npm := npmFor(npms, version)
	if npm == "" {
		return "", fmt.Errorf("choosing npm: none of its versions runs on Node %s", version)
	}
	var nodeFile, npmFile, integrity string
	g, gctx := errgroup.WithContext(ctx)
	tellNode, tellNpm := j.part(), j.part()
	g.Go(func() (err error) {
		nodeFile, integrity, _, err = n.r.tarball(gctx, n.pkg(), p.Versions[version], j, tellNode)
		return err
	})
	g.Go(func() (err error) {
		npmFile, _, _, err = n.r.tarball(gctx, "npm", npms.Versions[npm], j, tellNpm)
		return err
	})
	if err := g.Wait(); err != nil {
		return "", err
	}
	if err := unpackFile(ctx, nodeFile, j.tree, 1); err != nil {
		return "", fmt.Errorf("unpacking %s %s: %w", n.pkg(), version, err)
	}
	if err := addPackage(ctx, npmFile, j.tree, "npm", npms.Versions[npm].Bin); err != nil {
		return "", fmt.Errorf("unpacking npm %s: %w", npm, err)
	}
	return integrity, finishNode(j.tree)
}

// npmFor chooses the npm to go with a Node: the newest of the major that Node's own distribution
// carries, as far as its engines admit that Node; where that major has none, the newest that they
// admit.
func npmFor(p packument, node string) string {
	fits := func(v string) bool {
		e := p.Versions[v]
		if !release(v) || e.Old || e.Bin["npm"] == "" {
			return false
		}
		match, err := npmRange(e.Node)
		return err == nil && match(node)
	}
	var all []string
	for v := range p.Versions {
		all = append(all, v)
	}
	bundled := bundledNpm(major(node))
	if v := newest(all, func(v string) bool { return major(v) == bundled && fits(v) }, compareSemver); v != "" {
		return v
	}
	return newest(all, func(v string) bool { return (bundled == 0 || major(v) < bundled) && fits(v) }, compareSemver)
}

// bundledNpm is the major of npm that a major of Node is distributed with in its last releases, 0
// where it is not known.
func bundledNpm(node int) int {
	switch {
	case node < 15:
		return 6
	case node == 15:
		return 7
	case node <= 17:
		return 8
	case node <= 23:
		return 10
	case node <= 26:
		return 11
	}
	return 0
}

// pick chooses a version of the packages' that w wants and keep keeps. The kept listings are asked
// for again before "no such version".
func (r *registry) pick(
	ctx context.Context,
	w *want,
	keep func(packument, string, edition) bool,
	names ...string,
) (string, string, error) {
	for _, again := range []bool{false, true} {
		l, fresh := &listing{tags: map[string]string{}}, true
		for _, name := range names {
			p, asked, err := r.packument(ctx, name, again)
			if absent(err) {
				return "", "", fmt.Errorf("the registry has no package %q", name)
			}
			if err != nil {
				return "", "", err
			}
			fresh = fresh && asked
			var current, old []string
			for v, e := range p.Versions {
				switch {
				case !keep(p, v, e):
				case e.Old:
					old = append(old, v)
				default:
					current = append(current, v)
				}
			}
			l.versions, l.old = append(l.versions, current...), append(l.old, old...)
			for tag, v := range p.Tags {
				if e, ok := p.Versions[v]; ok && keep(p, v, e) {
					l.tags[tag] = v
				}
			}
		}
		if v, note := w.pick(l); v != "" {
			return v, note, nil
		}
		if v, note := w.pick(&listing{versions: append(l.versions, l.old...), tags: l.tags}); v != "" {
			return v, note, nil
		}
		if fresh {
			return "", "", &noVersion{nearest(l.versions, w.text, compareSemver)}
		}
	}
	return "", "", errNoVersion
}

var errNoBin = errors.New("it names no program")

// addPackage unpacks a package into lib/node_modules of a tree and links its programs into bin, as
// npm's global install does.
func addPackage(ctx context.Context, file, tree, name string, bin map[string]string) error {
	home := filepath.Join("lib", "node_modules", filepath.FromSlash(name))
	if err := unpackFile(ctx, file, filepath.Join(tree, home), 1); err != nil {
		return err
	}
	if len(bin) == 0 {
		return errNoBin
	}
	for _, drop := range []string{"docs", "man"} {
		if err := removeTree(filepath.Join(tree, home, drop)); err != nil {
			return err
		}
	}
	return linkBins(tree, home, bin)
}
