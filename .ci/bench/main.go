// Command bench measures slugc beside what people use instead, and prints a table. `make bench` runs
// it, in the repository's root:
//
//	go run ./.ci/bench -slugc bin/slugc [-rows 4,5] [-rounds 5] [-where /dev/shm | DIR | xfs]
//
// It makes a big Node.js app (testdata/node: some 1,350 packages), a Go app with a large module graph
// (testdata/go), and copies of fixtures in Ruby and Clojure. Packages come from this machine's npm
// registry and Go module proxy into mirrors on loopback (package mirror), once: they are kept in
// $SLUGC_BENCH_CACHE, else ~/.cache/slugc-bench. What is compared runs in alternation, A B A B, on a
// file system in memory, in a directory, or on a loop-mounted XFS with reflink that is made for it.
//
// The exit code is 0 whether goals are met or missed, and 1 if something could not be run.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"slugc/.ci/bench/measure"
	"slugc/.ci/bench/place"
	"slugc/.ci/bench/table"
)

func main() {
	measure.Main()
	packMain()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the command's flags.
type options struct {
	slugc, rows, where, output, app string
	rounds                          int
}

func run(ctx context.Context) (err error) {
	var o options
	flag.StringVar(&o.slugc, "slugc", "bin/slugc", "the slugc that is measured")
	flag.StringVar(&o.rows, "rows", "", "numbers of rows, such as 4,5; all by default")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each thing is measured")
	flag.StringVar(&o.where, "where", place.Memory, "a directory, or xfs for a loop-mounted XFS with reflink")
	flag.StringVar(&o.output, "o", "bin/bench.json", "where the table goes as JSON")
	flag.StringVar(&o.app, "app", ".ci/bench/testdata/node", "the big Node.js app")
	flag.Parse()
	if o.rounds < 1 {
		return errors.New("-rounds must be at least 1")
	}
	selected, err := selectRows(o.rows)
	if err != nil {
		return err
	}
	work, err := place.Make(o.where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.Remove()) }()
	b, err := newBench(ctx, o, work.Dir, selected)
	if err != nil {
		return err
	}
	defer b.close()
	start := time.Now()
	errRun := b.runAll()
	report := report{machine(o, work), b.table()}
	fmt.Println()
	fmt.Println(report.Machine)
	if err := table.Print(os.Stdout, report.Rows); err != nil {
		return err
	}
	fmt.Print(explanation)
	return errors.Join(errRun, report.write(o.output, time.Since(start)))
}

const explanation = `
Times are wall-clock seconds: the median, and from the smallest to the largest. A ratio is the median of the rounds' own.
CPU s: user and system time of the whole process tree, by wait4(2), with what it left running until that ended.
Peak MiB: the most that any one of slugc's own processes had resident (VmHWM, sampled), without what it started.
`

// report is what is written as JSON.
type report struct {
	Machine string      `json:"machine"`
	Rows    []table.Row `json:"rows"`
}

func (r report) write(file string, took time.Duration) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	fmt.Printf("The table is in %s. This took %s.\n", file, took.Round(time.Second))
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

// machine is a line on what was measured, and where.
func machine(o options, work place.Place) string {
	var name syscall.Utsname
	_ = syscall.Uname(&name)
	var release strings.Builder
	for _, c := range name.Release {
		if c == 0 {
			break
		}
		release.WriteByte(byte(c))
	}
	load, _ := os.ReadFile("/proc/loadavg")
	average, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%s, %d rounds, %s, Linux %s, %d processors, load average %s at the end",
		version(o.slugc), o.rounds, work.Kind, release.String(), processors(), average)
}
