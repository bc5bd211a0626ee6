package sandbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

// counting returns the path of a program that stands for slugc, and a function that returns the ids of the
// processes that were started from it.
func counting(t *testing.T) (self string, started func() []int) {
	t.Helper()
	dir := t.TempDir()
	self, log := filepath.Join(dir, "slugc"), filepath.Join(dir, "log")
	testkit.Write(t, log, "")
	testkit.Write(t, self, fmt.Sprintf("#!/bin/sh\necho $$ >>%q\nexec %q \"$@\"\n", log, child(t)))
	if err := os.Chmod(self, 0o755); err != nil {
		t.Fatal(err)
	}
	return self, func() (pids []int) {
		for _, line := range strings.Fields(testkit.Read(t, log)) {
			pid, err := strconv.Atoi(line)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
		return pids
	}
}

// TestPrepare holds that a run takes the supervisor that was prepared for its limits, and no other, that the
// limits hold there, and that what no run takes ends.
func TestPrepare(t *testing.T) {
	t.Parallel()
	testkit.NeedsTools(t, "bubblewrap")
	program := testkit.Program(t, "./testdata/attempt")
	for _, level := range allLevels {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			self, started := counting(t)
			box, err := sandbox.Probe(t.Context(), sandbox.ProbeOptions{Want: level, Self: self})
			if err != nil {
				t.Fatal(err)
			}
			since := len(started())
			expect := func(what string, want int) {
				t.Helper()
				if got := len(started()) - since; got != want {
					t.Errorf("%s: %d supervisors were started, want %d", what, got, want)
				}
				since = len(started())
			}
			spec := greedySpec(t, box, "memory", t.TempDir(), program)
			box.Prepare(spec.Limits)
			if err := box.Run(t.Context(), spec); !isLimit(err, sandbox.LimitMemory) {
				t.Errorf("a prepared run ends with %v, want its limit of memory", err)
			}
			expect("a prepared run", 1)
			box.Prepare(spec.Limits)
			if got := output(t, box, "echo hello"); got != "hello" {
				t.Errorf("a run with other limits says %q", got)
			}
			expect("a run with other limits", 2)
			box.Prepare(sandbox.Limits{})
			box.Prepare(sandbox.Limits{})
			box.Discard()
			expect("prepared twice for no run", 2)
			for _, pid := range started() {
				if err := syscall.Kill(pid, 0); err == nil {
					t.Errorf("the supervisor %d is still there", pid)
				}
			}
		})
	}
}
