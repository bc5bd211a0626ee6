// Command gotest runs `go test` with its arguments and prints one line a package, what failed, and
// which tests were skipped. A skipped test is a failure, except for the reasons in [skipReasons] and
// under -short, where tests that need more than Go and git are left out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// skipReasons are why a test may be skipped in a full run.
var skipReasons = []string{
	"permissions do not bind root",
}

// toolsReason is what testkit.NeedsTools says under -short.
var toolsReason = regexp.MustCompile(`needs real tools: (.*)`)

// event is a line of `go test -json`.
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

// run is what is known of a `go test`.
type run struct {
	short   bool
	output  map[string]*strings.Builder // by package and test
	skipped map[string][]string         // tests, by reason
	tests   map[string]int              // how many, by action: pass, fail, skip
	failed  bool
}

func main() {
	start := time.Now()
	r := run{
		short:   slices.Contains(os.Args[1:], "-short"),
		output:  map[string]*strings.Builder{},
		skipped: map[string][]string{},
		tests:   map[string]int{},
	}
	used, err := r.test(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(2)
	}
	r.summary()
	fmt.Printf("gotest: %s, %s of processors\n", time.Since(start).Round(time.Second),
		(used.UserTime() + used.SystemTime()).Round(time.Second))
	fmt.Printf("%d passed, %d failed, %d skipped\n", r.tests["pass"], r.tests["fail"], r.tests["skip"])
	if r.failed {
		os.Exit(1)
	}
}

// test runs `go test` and returns what it used.
func (r *run) test(args []string) (*os.ProcessState, error) {
	cmd, remove, err := inMemory(append([]string{"test", "-json"}, args...)...)
	if err != nil {
		return nil, err
	}
	defer remove()
	cmd.Stderr = os.Stderr
	if slices.Contains(args, "-race") {
		// The race detector needs cgo. Before a process ends, it sleeps for a second unless told otherwise.
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1", "GORACE=atexit_sleep_ms=10")
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	r.read(stdout)
	if err := cmd.Wait(); err != nil {
		r.failed = true
	}
	return cmd.ProcessState, nil
}

func (r *run) read(stdout io.Reader) {
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		var e event
		switch {
		case json.Unmarshal([]byte(line), &e) == nil:
			r.event(e)
		case line != "":
			fmt.Print(line) // what the go command itself says
		}
		if err != nil {
			return
		}
	}
}

func (r *run) event(e event) {
	key := e.Package + " " + e.Test
	if e.Test != "" {
		r.tests[e.Action]++
	}
	switch e.Action {
	case "build-output":
		fmt.Print(e.Output)
	case "output":
		if r.output[key] == nil {
			r.output[key] = &strings.Builder{}
		}
		r.output[key].WriteString(e.Output)
	case "skip":
		if e.Test != "" {
			reason := strings.TrimSpace(skipLine.FindString(r.text(key)))
			r.skipped[reason] = append(r.skipped[reason], strings.TrimPrefix(e.Package, "slugc/")+" "+e.Test)
		}
	case "fail":
		r.failed = true
		fmt.Print(r.text(key))
	}
	if e.Test == "" && (e.Action == "pass" || e.Action == "fail") {
		fmt.Printf("%-5s %-40s %6.1f s\n", e.Action, e.Package, e.Elapsed)
	}
	if e.Action == "pass" || e.Action == "skip" {
		delete(r.output, key)
	}
}

// skipLine is where a skipped test says why.
var skipLine = regexp.MustCompile(`(?m)^ *\w+\.go:\d+: (.*)$`)

func (r *run) text(key string) string {
	if text := r.output[key]; text != nil {
		return text.String()
	}
	return ""
}

// summary prints what was skipped, and why.
func (r *run) summary() {
	left, tools := 0, map[string]bool{}
	for _, reason := range slices.Sorted(maps.Keys(r.skipped)) {
		tests := r.skipped[reason]
		if m := toolsReason.FindStringSubmatch(reason); m != nil && r.short {
			left += len(tests)
			for tool := range strings.SplitSeq(m[1], ", ") {
				tools[tool] = true
			}
			continue
		}
		allowed := slices.ContainsFunc(skipReasons, func(words string) bool { return strings.Contains(reason, words) })
		if !allowed {
			r.failed = true
			fmt.Print("NOT ALLOWED: ")
		}
		fmt.Printf("skipped, %s: %s\n", reason, strings.Join(tests, ", "))
	}
	if left > 0 {
		fmt.Printf("left out by -short: %d tests that need %s\n", left,
			strings.Join(slices.Sorted(maps.Keys(tools)), ", "))
	}
}
