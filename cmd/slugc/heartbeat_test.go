package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// heartbeatLine matches a line of the heartbeat: whether there is one depends on how busy the machine
// is.
var heartbeatLine = regexp.MustCompile(`(?m)^ {7}still (?:.* \(\d+ (?:min \d+ )?s(?:, .*)?\)|working \(.*\): .*)\n`)

// TestHeartbeat plays what a build says, on a clock of its own: "+20s" lets time pass.
func TestHeartbeat(t *testing.T) {
	progress := func(what string, done, total int64) func(*ui) { return func(u *ui) { u.Progress(what, done, total) } }
	step := func(text string) func(*ui) { return func(u *ui) { u.Step(text) } }
	output := func(text string) func(*ui) { return func(u *ui) { fmt.Fprint(u.Output("x"), text) } }
	result := func(u *ui) { _ = u.result("done") }
	pass := func(d time.Duration) func(*ui) { return func(*ui) { time.Sleep(d) } }
	tests := []struct {
		name string
		ui   *ui
		does []func(*ui)
		want string
	}{
		{
			"grows to a minute",
			&ui{},
			[]func(*ui){step("Packing"), progress("running npm ci", 0, 0), pass(4 * time.Minute)},
			"-----> Packing\n       still running npm ci (15 s)\n       still running npm ci (45 s)\n" +
				"       still running npm ci (105 s)\n       still running npm ci (2 min 45 s)\n" +
				"       still running npm ci (3 min 45 s)\n",
		},
		{
			"what is printed breaks it",
			&ui{},
			[]func(*ui){
				progress("running x", 0, 0),
				pass(14 * time.Second),
				output("one\n"),
				pass(14 * time.Second),
				output("Installing \x1b[31mtwo\x1b[0m\n"),
				pass(20 * time.Second),
			},
			"       one\n       Installing \x1b[31mtwo\x1b[0m\n       still installing two (15 s)\n",
		},
		{
			"another's words",
			&ui{},
			[]func(*ui){
				output("> node build.js\n"),
				pass(15 * time.Second),
				output(strings.Repeat("x", 200) + "\n"),
				pass(15 * time.Second),
			},
			"       > node build.js\n       still working (15 s): > node build.js\n" +
				"       " + strings.Repeat("x", 200) + "\n" +
				"       still working (15 s): " + strings.Repeat("x", 100) + "…\n",
		},
		{
			"bytes",
			&ui{},
			[]func(*ui){
				progress("fetching node", 1e6, 4e7),
				pass(10 * time.Second),
				progress("fetching node", 2e7, 4e7),
				pass(10 * time.Second),
				progress("packing", 3e6, 0),
				pass(25 * time.Second),
			},
			"       still fetching node (15 s, 20.0 MB of 40.0 MB)\n       still packing (25 s, 3.0 MB)\n",
		},
		{
			"steps",
			&ui{},
			[]func(*ui){
				step("Waiting for another build of x (pid 1)"),
				pass(20 * time.Second),
				step("Nothing changed since the last build of x"),
				pass(time.Hour),
				progress("running y", 0, 0),
				pass(15 * time.Second),
				output("-----> Build\n"),
				pass(15 * time.Second),
			},
			"-----> Waiting for another build of x (pid 1)\n" +
				"       still waiting for another build of x (pid 1) (15 s)\n" +
				"-----> Nothing changed since the last build of x\n       still running y (15 s)\n" +
				"-----> Build\n       still working (15 s): Build\n",
		},
		{"nothing goes on", &ui{}, []func(*ui){step("Done"), pass(time.Hour)}, "-----> Done\n"},
		{
			"after the result",
			&ui{},
			[]func(*ui){progress("packing", 0, 0), result, progress("packing", 0, 0), pass(time.Hour)},
			"",
		},
		{
			"after the end",
			&ui{},
			[]func(*ui){progress("packing", 0, 0), (*ui).close, step("Packing"), pass(time.Hour)},
			"-----> Packing\n",
		},
		{
			"quiet",
			&ui{quiet: true},
			[]func(*ui){step("Packing"), progress("packing", 0, 0), output("-----> Build\nx\n"), pass(time.Hour)},
			"",
		},
		{
			"plain terminal",
			&ui{terminal: true, plain: true},
			[]func(*ui){progress("packing", 0, 0), pass(20 * time.Second)},
			"       still packing (15 s)\n",
		},
		{
			"warnings when quiet",
			&ui{quiet: true},
			[]func(*ui){progress("packing", 0, 0), func(u *ui) { u.Warn("x") }, pass(time.Hour)},
			" !     x\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said bytes.Buffer
				u := test.ui
				u.out, u.err = io.Discard, &said
				for _, do := range test.does {
					do(u)
					synctest.Wait()
				}
				if rest := heartbeatLine.ReplaceAllString(said.String(), ""); strings.Contains(rest, "still") {
					t.Errorf("a line of the heartbeat has an unknown form: %q", rest)
				}
				if said.String() != test.want {
					t.Errorf("said\n%swant\n%s", said.String(), test.want)
				}
				u.close()
				before := said.String()
				time.Sleep(time.Hour)
				synctest.Wait()
				if said.String() != before {
					t.Errorf("after the end: %s", said.String()[len(before):])
				}
			})
		})
	}
}

// TestNoHeartbeatOnTerminal leaves the live status alone.
func TestNoHeartbeatOnTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		u := &ui{out: io.Discard, err: &said, terminal: true, width: func() int { return 80 }}
		u.Progress("packing", 0, 0)
		time.Sleep(10 * time.Minute)
		u.close()
		synctest.Wait()
		if strings.Contains(said.String(), "still") {
			t.Errorf("said %q", said.String())
		}
	})
}
