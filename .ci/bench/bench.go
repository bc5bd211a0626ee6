package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"slugc/.ci/bench/measure"
	"slugc/.ci/bench/mirror"
	"slugc/.ci/bench/table"
)

// bench is one run of the benchmark.
type bench struct {
	ctx    context.Context
	slugc  string // the path of the binary
	self   string // the path of this program
	root   string // of the repository
	bigApp string // the big Node.js app
	work   string // an empty directory to work in
	cache  string // outlives the run
	rounds int
	rows   []row // that are to be measured

	npm, modules *mirror.Mirror

	// What was measured, a value a round, by the name of the thing.
	samples map[string][]measure.Sample
	values  map[string][]float64
	absent  map[string]string // why a thing could not be measured
}

func newBench(ctx context.Context, o options, work string, rows []row) (*bench, error) {
	b := &bench{
		ctx: ctx, work: work, rounds: o.rounds, rows: rows, cache: os.Getenv("SLUGC_BENCH_CACHE"),
		samples: map[string][]measure.Sample{}, values: map[string][]float64{}, absent: map[string]string{},
	}
	if b.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return nil, err
		}
		b.cache = filepath.Join(dir, "slugc-bench")
	}
	var err [5]error
	b.slugc, err[0] = filepath.Abs(o.slugc)
	b.self, err[1] = os.Executable()
	b.root, err[2] = os.Getwd()
	b.bigApp, err[3] = filepath.Abs(o.app)
	err[4] = os.MkdirAll(b.path("tmp"), 0o755)
	if err := errors.Join(err[:]...); err != nil {
		return nil, err
	}
	return b, b.mirrors()
}

// mirrors starts the mirrors of this machine's npm registry and Go module proxy.
func (b *bench) mirrors() error {
	registry, err := ask("npm", "config", "get", "registry")
	if err != nil {
		return err
	}
	proxies, err := ask("go", "env", "GOPROXY")
	if err != nil {
		return err
	}
	proxy, _, _ := strings.Cut(strings.ReplaceAll(proxies, "|", ","), ",")
	if b.npm, err = mirror.ServeNPM(filepath.Join(b.cache, "npm"), registry); err != nil {
		return err
	}
	b.modules, err = mirror.Serve(filepath.Join(b.cache, "go"), proxy)
	return err
}

func (b *bench) close() {
	b.npm.Close()
	b.modules.Close()
}

// ask returns what a command prints.
func ask(program string, args ...string) (string, error) {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return "", fmt.Errorf("asking %s %s: %w", program, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// path is a path below the directory of work.
func (b *bench) path(elem ...string) string {
	return filepath.Join(append([]string{b.work}, elem...)...)
}

// hidden are variables of the caller's that nothing here is to see.
var hidden = regexp.MustCompile(`(?i)^(SLUGC_|npm_config_|MAKE|BUNDLE_|GEM_|RUBY|TMPDIR=|` +
	`GO(FLAGS|PROXY|SUMDB|PRIVATE|CACHE|MODCACHE|PATH)=)`)

// env is the environment of everything that is measured, and more.
func (b *bench) env(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), hidden.MatchString)
	env = append(env, "TMPDIR="+b.path("tmp"), "npm_config_registry="+b.npm.URL+"/", "npm_config_audit=false",
		"npm_config_fund=false", "npm_config_update_notifier=false", "GOPROXY="+b.modules.URL, "GOSUMDB=off",
		"GOFLAGS=-modcacherw", "GOTELEMETRY=off")
	return append(env, more...)
}

// ours is a command of slugc with a state directory.
func (b *bench) ours(home string, args ...string) measure.Command {
	env := b.env(
		"SLUGC_HOME="+home, "SLUGC_NPM_REGISTRY="+b.npm.URL+"/", "SLUGC_NODE_MIRROR=off", "SLUGC_GO_MIRROR=off",
	)
	return measure.Command{
		Args: append([]string{b.slugc}, args...), Dir: b.work, Own: b.slugc,
		Env: slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "npm_config_") }),
	}
}

// result is what is read of the JSON of a build.
type result struct {
	Slug struct {
		Path   string `json:"path"`
		Digest string `json:"digest"`
		Size   int64  `json:"size"`
	} `json:"slug"`
	Phases []struct {
		Name    string  `json:"name"`
		Seconds float64 `json:"seconds"`
	} `json:"phases"`
}

// build measures a build, which counts for the memory of builds, too. A build without a name is a
// preparation, and counts for nothing.
func (b *bench) build(thing, home, dir string, more ...string) (r result, err error) {
	c := b.ours(home, append([]string{"build", dir, "--json", "--plain"}, more...)...)
	s, err := b.measure(thing, c)
	if err == nil && thing != "" && s.Peak > 0 {
		b.value(peakOfBuilds, float64(s.Peak)/(1<<20))
	}
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(s.Stdout, &r)
}

// measure runs a command and keeps what it cost under the name of a thing, "" to keep nothing.
func (b *bench) measure(thing string, c measure.Command) (measure.Sample, error) {
	s, err := measure.Run(b.ctx, c)
	if err != nil {
		return s, fmt.Errorf("%s: %w", cmp.Or(thing, "preparing"), err)
	}
	if thing != "" {
		b.samples[thing] = append(b.samples[thing], s)
		fmt.Fprintf(os.Stderr, "  %-32s %8.3f s  %8.3f CPU s\n", thing, s.Wall, s.CPU)
	}
	return s, nil
}

// value keeps a value that is not a time.
func (b *bench) value(thing string, v float64) { b.values[thing] = append(b.values[thing], v) }

// shell measures a script. Its arguments are $1, $2, …
func (b *bench) shell(thing, dir string, env []string, script string, args ...string) error {
	_, err := b.measure(thing, measure.Command{
		Args: slices.Concat([]string{"sh", "-ec", script, "sh"}, args), Dir: dir, Env: env,
	})
	return err
}

// has reports whether there is a program, and notes of things that they can't be measured without it.
func (b *bench) has(program, pkg string, things ...string) bool {
	if _, err := exec.LookPath(program); err == nil {
		return true
	}
	for _, thing := range things {
		b.absent[thing] = fmt.Sprintf("%s is missing (apt-get install %s)", program, pkg)
	}
	return false
}

// step is one thing of a round, with the things that it measures.
type step struct {
	things []string
	do     func(round int) error
}

// alternate runs those steps of each round in order that rows need.
func (b *bench) alternate(rounds int, steps ...step) error {
	for round := range rounds {
		for _, s := range steps {
			if !b.needs(s.things...) {
				continue
			}
			if err := errors.Join(s.do(round), context.Cause(b.ctx)); err != nil {
				return err
			}
		}
	}
	return nil
}

// needs reports whether a row that is to be measured is about one of the things.
func (b *bench) needs(things ...string) bool {
	return slices.ContainsFunc(b.rows, func(r row) bool {
		return slices.Contains(things, r.own) || slices.Contains(things, r.other)
	})
}

// table fills the rows in.
func (b *bench) table() (rows []table.Row) {
	for _, r := range b.rows {
		rows = append(rows, r.fill(b))
	}
	return rows
}

func processors() int { return runtime.NumCPU() }

func version(slugc string) string {
	out, err := exec.Command(slugc, "--version").Output()
	if err != nil {
		return "slugc of an unknown version"
	}
	return strings.TrimSpace(string(out))
}
