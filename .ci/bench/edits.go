package main

import (
	"os"
	"path/filepath"
	"strings"
)

// edits measures builds of the big app after no change and after a change of one line, and beside them
// what others do for either.
func (b *bench) edits() error {
	home, err := b.fillNPM()
	if err != nil {
		return err
	}
	app := b.path("big")
	if err := b.writeNode(app, nodeApp{}); err != nil {
		return err
	}
	first, err := b.build("", home, app)
	if err != nil {
		return err
	}
	tree := b.path("tree")
	if b.needs(pigz) && b.has("pigz", "pigz", pigz, classic) {
		if _, err := b.measure("", b.ours(home, "unpack", first.Slug.Path, tree)); err != nil {
			return err
		}
	}
	classical := classicWay{b, home, app}
	if b.needs(classic) && b.has("pigz", "pigz", pigz, classic) {
		if err := classical.prepare(); err != nil {
			return err
		}
	}
	return b.alternate(b.rounds,
		step{[]string{noChange}, func(int) error { _, err := b.build(noChange, home, app); return err }},
		step{[]string{oneLine, peakOfBuilds}, func(round int) error {
			if err := change(filepath.Join(app, "greeting.js"), round); err != nil {
				return err
			}
			_, err := b.build(oneLine, home, app)
			return err
		}},
		step{[]string{pigz}, func(int) error {
			return b.ifPresent(pigz, func() error {
				return b.shell(pigz, tree, nil, `tar -cf - . | pigz >"$1"; rm "$1"`, b.path("tree.tgz"))
			})
		}},
		step{[]string{classic}, func(int) error { return b.ifPresent(classic, classical.run) }},
	)
}

// ifPresent does something that needs a thing, unless that is known to be absent.
func (b *bench) ifPresent(thing string, do func() error) error {
	if b.absent[thing] != "" {
		return nil
	}
	return do()
}

// classicWay builds the big app as Heroku-style builders do.
type classicWay struct {
	b         *bench
	home, app string
}

// prepare packs Node.js as it is downloaded, and warms npm's cache.
func (c classicWay) prepare() error {
	nodes, _ := filepath.Glob(filepath.Join(c.home, "toolchains/node/*"))
	err := c.b.shell("", c.b.work, nil, `tar -czf node.tgz -C "$1" .`, strings.Join(nodes, ""))
	if err != nil {
		return err
	}
	return c.b.npmCI("", c.home, c.app, c.b.path("npm-cache"))
}

const classicScript = `
mkdir "$1" && cp -r "$2/." "$1" && mkdir -p "$1/.heroku/node" && tar -xzf "$3" -C "$1/.heroku/node"
cd "$1"
PATH="$1/.heroku/node/bin:$PATH"
npm ci --cache "$4"
npm prune --omit=dev --cache "$4"
tar -cf - . | pigz >"$1.tgz"`

func (c classicWay) run() error {
	dir := c.b.path("classic")
	err := c.b.shell(
		classic, c.b.work, c.b.env(), classicScript, dir, c.app, c.b.path("node.tgz"), c.b.path("npm-cache"),
	)
	if err != nil {
		return err
	}
	if err := os.Remove(dir + ".tgz"); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// npmCI measures npm ci in a copy of an app, with a directory for its cache.
func (b *bench) npmCI(thing, home, app, cache string) error {
	dir := b.path("npm-ci")
	if err := os.CopyFS(dir, os.DirFS(app)); err != nil {
		return err
	}
	if err := b.shell(thing, dir, b.with("node", home), `npm ci --cache "$1"`, cache); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
