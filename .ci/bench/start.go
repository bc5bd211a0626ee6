package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"slugc/.ci/bench/measure"
)

// starting measures how long the big app takes from its slug to the first answer: on a machine that
// has never run it, again, and after a change of one line; and beside it tar and a shell.
func (b *bench) starting() error {
	home, err := b.fillNPM()
	if err != nil {
		return err
	}
	app := b.path("big")
	if err := b.writeNode(app, nodeApp{}); err != nil {
		return err
	}
	var slugs [2]string
	for i := range slugs {
		if err := change(filepath.Join(app, "greeting.js"), i); err != nil {
			return err
		}
		slugs[i] = b.path(fmt.Sprintf("big-%d.tgz", i))
		if _, err := b.build("", home, app, "--output", slugs[i]); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(home); err != nil {
		return err
	}
	empty := b.path("empty")
	return b.alternate(b.rounds,
		step{[]string{firstStart, nextStart, changedStart}, func(int) error {
			for _, start := range []struct{ thing, slug string }{
				{firstStart, slugs[0]}, {nextStart, slugs[0]}, {changedStart, slugs[1]},
			} {
				err := b.serve(start.thing, func(port string) measure.Command {
					return b.ours(empty, "run", start.slug, "web", "--port", port)
				})
				if err != nil {
					return err
				}
			}
			return os.RemoveAll(empty)
		}},
		step{[]string{tarStart}, func(int) error {
			dir := b.path("unpacked")
			err := b.serve(tarStart, func(port string) measure.Command {
				env := b.env("PORT="+port, "HOME="+dir+"/app")
				return measure.Command{Args: []string{"sh", "-ec", tarScript, "sh", dir, slugs[0]}, Env: env}
			})
			if err != nil {
				return err
			}
			return os.RemoveAll(dir)
		}},
	)
}

const tarScript = `mkdir "$1" && tar -xzf "$2" -C "$1" && cd "$1/app"
for f in .profile.d/*.sh; do . "$f"; done
exec node server.js`

// serve measures a server until it answers.
func (b *bench) serve(thing string, server func(port string) measure.Command) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return err
	}
	if err := listener.Close(); err != nil {
		return err
	}
	c := server(port)
	c.Answer = "http://127.0.0.1:" + port + "/"
	_, err = b.measure(thing, c)
	return err
}
