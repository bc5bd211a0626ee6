package hostile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// build is a build that wants more than it should. Its script, the build script of an app, prints REACHED
// when it gets it.
type build struct {
	name   string
	script string
	levels string // the first letters of the levels that prevent it; "bln" for all
	args   []string
	exit   int    // what slugc ends with, at every level
	or     int    // what it may end with too, where a race decides
	says   string // what slugc says
	check  func(t *testing.T, w *world, o slugctest.Outcome)
}

// builds are the threats: reading, writing, taking all of the machine, staying, and getting into slugs. Poison
// in the app's own cache is for [TestPoison]. $STATE is the state directory, $SECRET a file of the host, $PORT a
// port of the host, $OTHER a process of the host and $MARK what processes are found by.
var builds = []build{
	{
		name:   "environment",
		levels: "bl",
		script: `cat /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | grep -a ^CANARY=`,
	},
	{name: "secret file", levels: "bl", script: `cat "$SECRET"`},
	// No level has a network of its own: README says so.
	{name: "port of the host", script: `bash -c ": </dev/tcp/127.0.0.1/$PORT" && echo REACHED`},
	{
		name: "cache of another app", levels: "bl",
		script: `ln -s "$STATE/apps" way; for d in "$STATE/apps/neighbour" way/neighbour ../../apps/neighbour; do
			echo x >>"$d/kept" && grep -q neighbour "$d/kept" && echo REACHED; done; rm way`,
	},
	{
		name: "runtime of all apps", levels: "bl",
		script: `for f in "$STATE"/toolchains/node/*/bin/node; do
			chmod u+w "$f"; echo '#x' >>"$f" && echo REACHED; done`,
	},
	{
		name: "fork bomb", levels: "bln", args: []string{"--pids", "100"}, exit: 51,
		says: "processes and threads, limit 100",
		// Each process starts two, eight times: 510 of them, whatever bounds them.
		script: `exec bash -c 'f() { if [ $1 -gt 0 ]; then f $(($1-1)) & f $(($1-1)) & fi; exec sleep 60; }; f 8'`,
	},
	{
		name: "disk", levels: "bln", args: []string{"--disk", "20MB"}, exit: 51, says: "limit 20.0 MB",
		script: `head -c 60000000 /dev/zero >big; sleep 60`,
	},
	{
		name: "files", levels: "bln", check: leavesNothing,
		script: `cd "${TMPDIR:-/tmp}" && for i in $(seq 2000); do : >"$MARK.$i"; done`,
	},
	{
		name:   "endless output",
		levels: "bln",
		check:  shortLog,
		script: `head -c 9000000 /dev/zero | tr '\0' x; seq 100000`,
	},
	{
		name: "control sequences", levels: "bln", check: noControls,
		script: `printf '\033]0;title\007\033[2J\033[31mremote: all is well\n'`,
	},
	{
		name: "daemon", levels: "bln", check: noProcess,
		script: `(setsid nohup sleep "$MARK" >/dev/null 2>&1 &) & sleep 0.1`,
	},
	{
		name: "setuid file", levels: "bl", check: noSetuid,
		script: `cp /bin/true node_modules/own && chmod 4755 node_modules/own && echo REACHED`,
	},
	{
		name: "device and pipe", levels: "bln", exit: 62, says: "which can't be in a slug",
		script: `mkfifo dist/pipe; mknod dist/device c 1 3`,
	},
	{
		name: "link to everything", levels: "bln", exit: 62, says: "leads out of the app",
		script: `rm -rf dist && ln -s / dist`,
	},
	{
		name: "hard link to a secret", levels: "bl",
		script: `ln "$SECRET" stolen && echo REACHED; rm -f stolen`,
	},
	{
		name: "swapping while the slug is made", levels: "bln", or: 62, check: noProcess,
		script: `(setsid sh -c 'while :; do ln -sfn / swap; rm swap; mkdir swap; rmdir swap; : '$MARK'; done' \
			>/dev/null 2>&1 &) & sleep 0.2`,
	},
	{name: "process of the host", levels: "bl", script: `kill -CONT "$OTHER" && echo REACHED`},
	{
		name: "memory", levels: "bln", args: []string{"--memory", "100MB"}, exit: 51, says: "of memory, limit 100.0 MB",
		script: `(head -c 400000000 /dev/zero; sleep 60) | tail`,
	},
	{
		name: "sleeping for ever", levels: "bln", args: []string{"--timeout", "1s"}, exit: 51, says: "stopped after 1s",
		script: `trap '' TERM; sleep "$MARK" & sleep "$MARK"; sleep "$MARK"`, check: noProcess,
	},
}

func leavesNothing(t *testing.T, w *world, _ slugctest.Outcome) {
	left, err := filepath.Glob("/tmp/slugc-sandbox-*/*/" + w.mark + ".1999")
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q (%v)", left, err)
	}
}

func shortLog(t *testing.T, _ *world, o slugctest.Outcome) {
	if len(o.Stderr) > 6<<20 || !strings.Contains(o.Stderr, "is not shown]") {
		t.Errorf("%d bytes of output, and no line says what was dropped", len(o.Stderr))
	}
}

func noControls(t *testing.T, _ *world, o slugctest.Outcome) {
	// Colours are passed on, and end with the line.
	if strings.Contains(o.Stderr, "\x1b]") || strings.Contains(o.Stderr, "\x1b[2J") ||
		strings.Contains(o.Stderr, "\a") {
		t.Errorf("passed on:\n%q", o.Stderr)
	}
}

func noProcess(t *testing.T, w *world, _ slugctest.Outcome) { testkit.NoProcess(t, w.mark) }

func noSetuid(t *testing.T, w *world, _ slugctest.Outcome) {
	err := filepath.WalkDir(w.place.state, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // another build has removed it
		}
		if info, err := entry.Info(); err == nil && info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 && !info.IsDir() {
			t.Errorf("%s is left with mode %s", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
