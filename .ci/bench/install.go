package main

import "os"

// added measures builds after one more package was added to the big app, and npm ci of the same app with a cache
// that has all but this package.
func (b *bench) added() error {
	home, err := b.fillNPM()
	if err != nil {
		return err
	}
	app, cache := b.path("big"), b.path("npm-cache")
	if err := b.writeNode(app, nodeApp{}); err != nil {
		return err
	}
	if _, err := b.build("", home, app); err != nil {
		return err
	}
	if b.needs(npmWarm) {
		if err := b.npmCI("", home, app, cache); err != nil {
			return err
		}
	}
	var more map[string]object
	if err := b.readJSON("added.json", &more); err != nil {
		return err
	}
	return b.alternate(min(b.rounds, len(more)),
		step{[]string{addedBuild}, func(round int) error {
			if err := b.writeNode(app, nodeApp{added: round + 1}); err != nil {
				return err
			}
			_, err := b.build(addedBuild, home, app)
			return err
		}},
		step{[]string{npmWarm}, func(int) error { return b.npmCI(npmWarm, home, app, cache) }},
	)
}

// cold measures builds of the big app with an empty state directory, and npm ci with an empty cache.
func (b *bench) cold() error {
	node, err := b.fillNPM()
	if err != nil {
		return err
	}
	app := b.path("big")
	if err := b.writeNode(app, nodeApp{}); err != nil {
		return err
	}
	first := ""
	return b.alternate(b.rounds,
		step{[]string{coldBuild, otherSlugs}, func(round int) error {
			home := b.path("empty")
			r, err := b.build(coldBuild, home, app)
			if err != nil {
				return err
			}
			if round == 0 {
				first = r.Slug.Digest
			}
			differ := 0.
			if r.Slug.Digest != first {
				differ = 1
			}
			b.value(otherSlugs, differ)
			return os.RemoveAll(home)
		}},
		step{[]string{npmCold}, func(int) error {
			cache := b.path("npm-cache")
			if err := b.npmCI(npmCold, node, app, cache); err != nil {
				return err
			}
			return os.RemoveAll(cache)
		}},
	)
}
