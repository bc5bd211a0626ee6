package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"slugc/compiler/sandbox"
	"slugc/detect"
)

// sources measures builds of apps that have few and many source files and no dependencies, after a change
// of one line.
func (b *bench) sources() error {
	home, err := b.fillNPM()
	if err != nil {
		return err
	}
	var steps []step
	for thing, n := range map[string]int{fewSources: 2000, manySources: 20000} {
		dir := b.path(fmt.Sprintf("sources-%d", n))
		if err := b.writeSources(dir, n); err != nil {
			return err
		}
		if _, err := b.build("", home, dir); err != nil {
			return err
		}
		steps = append(steps, step{[]string{thing}, func(round int) error {
			if err := change(filepath.Join(dir, "greeting.js"), round); err != nil {
				return err
			}
			_, err := b.build(thing, home, dir)
			return err
		}})
	}
	return b.alternate(b.rounds, steps...)
}

// writeSources writes the small app with a number of source files more.
func (b *bench) writeSources(dir string, n int) error {
	if err := b.writeSmall(dir); err != nil {
		return err
	}
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("src/%03d/%05d.js", i/100, i)] = fmt.Sprintf("exports.number = () => %d;\n", i)
	}
	return writeFiles(dir, files)
}

// detecting measures `slugc detect .` in a checkout with dependencies, and how long each detector takes
// over many files.
func (b *bench) detecting() error {
	checkout, many := b.path("checkout"), b.path("many")
	if err := b.writeSources(checkout, 200); err != nil {
		return err
	}
	dependency := map[string]string{}
	for i := range 5000 {
		dependency[fmt.Sprintf("node_modules/dependency-%d/%04d.js", i/50, i)] = "module.exports = 1;\n"
	}
	if err := writeFiles(checkout, dependency); err != nil {
		return err
	}
	if err := b.writeSources(many, 20000); err != nil {
		return err
	}
	home := b.path("home")
	return b.alternate(b.rounds,
		step{[]string{detectIn, detectWrites}, func(int) error {
			c := b.ours(home, "detect", ".")
			c.Dir = checkout
			s, err := b.measure(detectIn, c)
			b.value(detectIn, s.Wall*1000)
			b.value(detectWrites, float64(s.Written)/1000)
			return err
		}},
		step{[]string{detector}, func(int) error {
			b.value(detector, slowestDetector(many))
			return nil
		}},
	)
}

// slowestDetector returns how long the slowest detector takes over a tree, in milliseconds.
func slowestDetector(dir string) (slowest float64) {
	for _, run := range []func(detect.Input) (detect.Result, error){
		detect.ForNode, detect.ForRuby, detect.ForGo, detect.ForClojure,
	} {
		start := time.Now()
		_, _ = run(detect.Input{FS: os.DirFS(dir)})
		slowest = max(slowest, time.Since(start).Seconds()*1000)
	}
	return slowest
}

// startsARound is how often the sandbox is started in a round, of which the median counts.
const startsARound = 20

// sandboxed measures how long a child takes in the sandbox that does nothing.
func (b *bench) sandboxed() error {
	box, err := sandbox.Probe(b.ctx, sandbox.ProbeOptions{Self: b.slugc})
	if err != nil {
		return err
	}
	if box.Level() != sandbox.Bubblewrap {
		b.absent[sandboxStart] = "bubblewrap does not work here: " + box.Reason()
		return nil
	}
	spec := sandbox.Spec{Args: []string{"/bin/true"}, Dir: "/", Env: []string{"PATH=/usr/bin:/bin"}}
	return b.alternate(b.rounds, step{[]string{sandboxStart}, func(int) error {
		for range startsARound {
			start := time.Now()
			if err := box.Run(b.ctx, spec); err != nil {
				return err
			}
			b.value(sandboxStart, time.Since(start).Seconds()*1000)
		}
		return nil
	}})
}
