package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"slugc/buildpacks/toolchain/source"
)

// packagedNode is Node from the npm registry: the package node-‹os›-‹arch› with an npm added.
type packagedNode struct{ *registry }

// Name returns the registry's name.
func (*packagedNode) Name() string { return registryName }

// Endpoints returns the registry.
func (n *packagedNode) Endpoints(ctx context.Context) []source.Endpoint { return n.endpoints(ctx) }

func (n *packagedNode) name() string { return "node-" + n.env.OS + "-" + processor(n.env.Arch) }

// Resolve chooses a version of the package.
func (n *packagedNode) Resolve(ctx context.Context, c *source.Constraint) (string, string, error) {
	return n.resolve(ctx, c, func(_ string, m manifest) bool {
		// The oldest releases of the package hold an archive and an install script.
		return strings.TrimPrefix(m.Bin["node"], "./") == "bin/node"
	}, n.name())
}

// Fetch lays out Node and an npm as the official distribution does.
func (n *packagedNode) Fetch(ctx context.Context, version string, j *source.Job) (string, error) {
	nodes, _, err := n.packument(ctx, n.name(), false)
	if err != nil {
		return "", err
	}
	npms, _, err := n.packument(ctx, "npm", false)
	if err != nil {
		return "", err
	}
	npm := npmFor(npms, version)
	if npm == "" {
		return "", fmt.Errorf("choosing npm: none of its versions runs on Node %s", version)
	}
	var node, withNpm tarball
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		node, err = n.download(gctx, n.name(), nodes.Versions[version], j)
		return err
	})
	g.Go(func() (err error) {
		withNpm, err = n.download(gctx, "npm", npms.Versions[npm], j)
		return err
	})
	if err := g.Wait(); err != nil {
		return "", err
	}
	if err := source.Unpack(ctx, node.file, j.Tree, 1); err != nil {
		return "", fmt.Errorf("unpacking %s %s: %w", n.name(), version, err)
	}
	if err := installPackage(ctx, withNpm.file, j.Tree, "npm", npms.Versions[npm].Bin); err != nil {
		return "", fmt.Errorf("unpacking npm %s: %w", npm, err)
	}
	return node.integrity, finish(j.Tree)
}

// npmFor chooses the npm to go with a Node: the newest of the major that Node's own distribution
// carries, as far as its engines admit that Node; where that major has none, the newest that they
// admit.
func npmFor(p packument, node string) string {
	fits := func(v string) bool {
		m := p.Versions[v]
		if !source.IsRelease(v) || m.Deprecated || m.Bin["npm"] == "" {
			return false
		}
		match, err := source.NpmRange(m.Node)
		return err == nil && match(node)
	}
	all := slices.Collect(maps.Keys(p.Versions))
	bundled := bundledNpm(source.Major(node))
	ofMajor := func(v string) bool { return source.Major(v) == bundled && fits(v) }
	if v := source.Newest(all, ofMajor, source.CompareSemver); v != "" {
		return v
	}
	older := func(v string) bool { return (bundled == 0 || source.Major(v) < bundled) && fits(v) }
	return source.Newest(all, older, source.CompareSemver)
}

// bundledNpm is the major of npm in the last releases of a major of Node, 0 where it is not known.
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
