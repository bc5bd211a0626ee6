package main

import (
	"os"
	"path/filepath"

	"slugc/.ci/bench/measure"
)

// goApp is a Go app with a large module graph: etcd's client, and with it gRPC.
const goApp = ".ci/bench/testdata/go"

// golang measures builds of the Go app: the first one on a machine, and after a change of one line; and beside
// them go build.
func (b *bench) golang() error {
	app := b.path("kv")
	if err := os.CopyFS(app, os.DirFS(filepath.Join(b.root, goApp))); err != nil {
		return err
	}
	home, caches := b.path("home"), b.path("go")
	if _, err := b.build("", home, app); err != nil { // fetches what it needs into the mirror
		return err
	}
	if err := b.goBuild("", app, caches); err != nil {
		return err
	}
	b.modules.Offline()
	return b.alternate(b.rounds,
		step{[]string{goFirst}, func(int) error {
			empty := b.path("empty")
			if _, err := b.build(goFirst, empty, app); err != nil {
				return err
			}
			return os.RemoveAll(empty)
		}},
		step{[]string{goEmpty}, func(int) error {
			empty := b.path("empty-go")
			if err := b.goBuild(goEmpty, app, empty); err != nil {
				return err
			}
			return os.RemoveAll(empty)
		}},
		step{[]string{goLine}, func(round int) error {
			if err := change(filepath.Join(app, "main.go"), round); err != nil {
				return err
			}
			_, err := b.build(goLine, home, app)
			return err
		}},
		step{[]string{goAlone}, func(int) error { return b.goBuild(goAlone, app, caches) }},
	)
}

// goBuild measures go build of an app with the same caches each time.
func (b *bench) goBuild(thing, app, caches string) error {
	env := b.env("GOCACHE="+filepath.Join(caches, "build"), "GOMODCACHE="+filepath.Join(caches, "modules"))
	_, err := b.measure(thing, measure.Command{
		Args: []string{"go", "build", "-o", b.path("kv-alone"), "."}, Dir: app, Env: env,
	})
	return err
}
