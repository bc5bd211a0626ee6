package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"slugc/.ci/bench/table"
)

// row is what a line of the table is about: a thing that is measured, another one that it is compared
// with, and the goal.
type row struct {
	number, name, against string
	goal                  table.Goal
	own, other            string // names of things
	unit                  string // of values; "" for the times of samples
	note                  string
}

// Things that are measured.
const (
	noChange   = "no change"
	oneLine    = "one line"
	classic    = "the classic way"
	pigz       = "tar | pigz"
	copyDeps   = "cp -a node_modules"
	depsCost   = "dependencies of one line"
	depsNew    = "new files of dependencies"
	diskBeside = "disk beside the slug"

	scriptBuild = "one line and a script"
	scriptAlone = "the script alone"
	addedBuild  = "one package added"
	npmWarm     = "npm ci, warm cache"
	coldBuild   = "cold build"
	npmCold     = "npm ci, empty cache"
	otherSlugs  = "slugs that differ"

	fullPack     = "full pack"
	fullSize     = "size of full pack"
	repack       = "pack, one package more"
	peakOfPack   = "memory of packing"
	gzip         = "tar | gzip -6"
	gzipSize     = "size of gzip -6"
	archived     = "archiver"
	peakOfBuilds = "memory of builds"

	firstStart   = "first start"
	nextStart    = "start again"
	changedStart = "start, one line later"
	tarStart     = "tar xzf and start"

	fewSources   = "one line of 2,000 files"
	manySources  = "one line of 20,000 files"
	detectIn     = "slugc detect ."
	detectWrites = "written by slugc detect ."
	detector     = "slowest detector"
	sandboxStart = "sandbox"

	goFirst      = "first Go build"
	goEmpty      = "go build, empty caches"
	goLine       = "Go, one line"
	goAlone      = "go build alone"
	rubyLine     = "Ruby, one line"
	rubyAlone    = "bundle install alone"
	clojureLine  = "Clojure, one line"
	clojureAlone = "lein uberjar alone"
)

// ms is the limit of a row in milliseconds.
func ms(n float64) table.Goal { return table.Goal{Plus: n, Unit: "ms"} }

func atMost(factor float64) table.Goal { return table.Goal{Factor: factor} }

// nearlyAlone is the goal of what is slugc's own beside a tool's work.
var nearlyAlone = table.Goal{Factor: 1.1, Plus: 0.3, Unit: "s"}

// memory is the goal of what slugc's own processes may have, in any round.
var memory = table.Goal{Plus: 64, Unit: "MiB", Always: true}

// never is the goal of what is to happen in no round.
func never(what string) table.Goal { return table.Goal{Unit: what, Always: true} }

// classicNote says what the classic way is.
const classicNote = "the classic way copies the app, unpacks Node.js, runs npm ci with a warm cache and npm prune, " +
	"and packs all with tar | pigz, as Heroku-style builders do"

// allRows are the lines of the table. Those whose number starts with the same digits are one row.
var allRows = []row{
	{number: "1", name: "no change", against: classic, goal: atMost(1. / 200), own: noChange, other: classic,
		note: classicNote},
	{number: "2", name: "one line, no build script", against: classic, goal: atMost(1. / 60), own: oneLine,
		other: classic},
	{number: "3", name: "one package added: packing alone", against: "archiver/v4, multithreaded",
		goal: atMost(1. / 8), own: repack, other: archived},
	{number: "4", name: "one line, no build script", against: "tar | pigz of the tree", goal: atMost(1. / 60),
		own: oneLine, other: pigz},
	{number: "5", name: "one line with a build script", against: "the script alone", goal: nearlyAlone,
		own: scriptBuild, other: scriptAlone},
	{number: "6", name: "one package added", against: npmWarm, goal: atMost(1.15), own: addedBuild, other: npmWarm},
	{number: "7a", name: "full pack", against: gzip, goal: atMost(1. / 5), own: fullPack, other: gzip},
	{number: "7b", name: "full pack: size", against: gzip, goal: atMost(1.04), own: fullSize, other: gzipSize, unit: "MB"},
	{number: "7c", name: "full pack", against: "archiver/v4, multithreaded", goal: atMost(0.9), own: fullPack,
		other: archived},
	{number: "8", name: "cold build, empty state", against: npmCold, goal: atMost(1.25), own: coldBuild, other: npmCold,
		note: "the build also fetches and verifies Node.js, and packs"},
	{number: "9a", name: "dependencies restored and kept", against: copyDeps, goal: atMost(1. / 300), own: depsCost,
		other: copyDeps, unit: "s", note: "what a one-line build with a script takes besides packing, less the same " +
			"of an app that has one dependency and this script"},
	{number: "9b", name: "files made for them", goal: never("files"), own: depsNew, unit: "files"},
	{number: "10a", name: "run, to the first answer", against: tarStart, goal: atMost(0.6), own: firstStart,
		other: tarStart, note: "with an empty state directory"},
	{number: "10b", name: "run, again", against: tarStart, goal: atMost(1. / 20), own: nextStart, other: tarStart},
	{number: "10c", name: "run, one line later", against: tarStart, goal: atMost(1. / 20), own: changedStart,
		other: tarStart},
	{number: "11a", name: "peak memory: packer", goal: memory, own: peakOfPack, unit: "MiB"},
	{number: "11b", name: "peak memory: builds", goal: memory, own: peakOfBuilds, unit: "MiB",
		note: "of all builds of the big app that were measured for other rows"},
	{number: "12", name: "cold builds whose slug differs from the first", goal: never("slugs"),
		own: otherSlugs, unit: "slugs"},
	{number: "13a", name: "sandbox start", goal: ms(10), own: sandboxStart, unit: "ms"},
	{number: "13b", name: "slowest detector, 20,000 files", goal: ms(10), own: detector, unit: "ms"},
	{number: "14", name: "one line, 20,000 source files", against: "2,000 source files", goal: atMost(3),
		own: manySources, other: fewSources},
	{number: "15a", name: detectIn, goal: ms(30), own: detectIn, unit: "ms",
		note: "in a checkout of 200 source files and 5,000 of dependencies"},
	{number: "15b", name: "what it writes", goal: table.Goal{Plus: 100, Unit: "kB"}, own: detectWrites, unit: "kB",
		note: "its output included; the checkout has 5,000 files more"},
	{number: "16", name: "first Go build on a machine", against: goEmpty, goal: atMost(1.1), own: goFirst, other: goEmpty,
		note: "an app of 80 modules, whose packages and the standard library's are compiled"},
	{number: "17", name: "disk of an app beside slug and dependencies", goal: table.Goal{Plus: 2, Unit: "MB"},
		own: diskBeside, unit: "MB"},
	{number: "18", name: "one line, Go", against: goAlone, goal: nearlyAlone, own: goLine, other: goAlone},
	{number: "19", name: "one line, Ruby", against: rubyAlone, goal: nearlyAlone, own: rubyLine, other: rubyAlone,
		note: "bundle install finds nothing to do"},
	{number: "20", name: "one line, Clojure", against: clojureAlone, goal: nearlyAlone, own: clojureLine,
		other: clojureAlone},
}

// fill makes a line of the table of what was measured.
func (r row) fill(b *bench) table.Row {
	line := table.Row{Number: r.number, Case: r.name, Against: r.against, Unit: r.unit, Note: r.note}
	own, other := table.Of(b.samples[r.own]), table.Of(b.samples[r.other])
	if r.unit == "" {
		line.Unit = "s"
	} else if own.Values = b.values[r.own]; len(b.values[r.other]) > 0 {
		other.Values = b.values[r.other]
	}
	for _, thing := range []string{r.own, r.other} {
		if why := b.absent[thing]; why != "" {
			return line.NotMeasured(r.goal, why)
		}
	}
	if len(own.Values) == 0 || r.goal.Factor > 0 && len(other.Values) == 0 {
		return line.NotMeasured(r.goal, "the run ended before")
	}
	return line.Fill(r.goal, own, other)
}

// selectRows returns the rows of a list of numbers such as "4,7,10b", in the table's order; "7" is all
// of 7a, 7b and 7c.
func selectRows(list string) (rows []row, err error) {
	if list == "" {
		return allRows, nil
	}
	wanted := map[string]bool{} // whether it was found
	for number := range strings.SplitSeq(list, ",") {
		wanted[strings.TrimSpace(number)] = false
	}
	for _, r := range allRows {
		for _, number := range []string{r.number, strings.TrimRight(r.number, "abc")} {
			if _, want := wanted[number]; want {
				wanted[number] = true
				rows = append(rows, r)
				break
			}
		}
	}
	for number, found := range wanted {
		if !found {
			err = errors.Join(err, fmt.Errorf("there is no row %q", number))
		}
	}
	return rows, err
}

// scenario measures things that share their preparation.
type scenario struct {
	name   string
	things []string
	run    func(b *bench) error
}

var scenarios = []scenario{
	{"edits of the big app", []string{noChange, oneLine, classic, pigz}, (*bench).edits},
	{"a build script", []string{scriptBuild, scriptAlone, copyDeps, depsCost, depsNew, diskBeside}, (*bench).script},
	{"packages added", []string{addedBuild, npmWarm}, (*bench).added},
	{"cold builds", []string{coldBuild, npmCold, otherSlugs}, (*bench).cold},
	{"packing", []string{fullPack, fullSize, repack, peakOfPack, gzip, gzipSize, archived}, (*bench).packing},
	{"starts", []string{firstStart, nextStart, changedStart, tarStart}, (*bench).starting},
	{"source files", []string{fewSources, manySources}, (*bench).sources},
	{"detection", []string{detectIn, detectWrites, detector}, (*bench).detecting},
	{"the sandbox", []string{sandboxStart}, (*bench).sandboxed},
	{"Go", []string{goFirst, goEmpty, goLine, goAlone}, (*bench).golang},
	{"Ruby", []string{rubyLine, rubyAlone}, (*bench).ruby},
	{"Clojure", []string{clojureLine, clojureAlone}, (*bench).clojure},
}

// runAll runs the scenarios that rows need, each in an empty directory. One that fails does not keep
// the others from running.
func (b *bench) runAll() (err error) {
	work := b.work
	for i, s := range scenarios {
		if !b.needs(s.things...) {
			continue
		}
		fmt.Fprintln(os.Stderr, s.name)
		b.work = fmt.Sprintf("%s/%d", work, i)
		failed := os.MkdirAll(b.path("tmp"), 0o755)
		if failed == nil {
			failed = s.run(b)
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.name, failed))
		}
		if b.ctx.Err() != nil {
			return err
		}
		err = errors.Join(err, os.RemoveAll(b.work))
	}
	return err
}
