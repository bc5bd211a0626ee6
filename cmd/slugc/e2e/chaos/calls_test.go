package chaos_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// epoch is after how many points a world is made again.
const epoch = 8

// disturb runs a scenario with a disturbance at each of the chosen calls. flags returns those of
// testdata/inject for a point, and verdict what is wrong with how the command ended.
func disturb(
	t *testing.T, fs string, c scenario, few int, flags func(n int) []string, verdict func(o outcome) problems,
) {
	s := newSweep(t)
	if len(s.choose(1, few)) == 0 {
		return
	}
	dir := mount(t, fs)
	w := newWorld(t, dir)
	counted := w.inject(slices.DeleteFunc(flags(0), func(f string) bool { return f == "-on" }), c.prepare(w)...)
	w.noProcess()
	for i, n := range s.choose(counted.calls, few) {
		if i%epoch == epoch-1 {
			w = newWorld(t, dir)
		}
		command := c.prepare(w)
		before, err := w.releases()
		if err != nil {
			t.Fatal(err)
		}
		o := w.inject(append(flags(n), "-at", strconv.Itoa(n)), command...)
		if o.call == "" {
			continue // this time there were fewer calls
		}
		p := verdict(o)
		if c.settle != nil {
			p = append(p, c.settle(w, o)...)
		}
		if o.Exit == 0 && slices.Contains(command, "--json") {
			if digest, err := o.digest(); err != nil || digest != clean(t, w.variant) {
				p.add("exit 0 with wrong bytes: %s, a clean build makes %s: %v", digest, clean(t, w.variant), err)
			}
		}
		p = append(p, w.check(before)...)
		s.report(n, o.call, p)
		if len(p) > 0 {
			w = newWorld(t, dir)
		}
	}
}

// TestKills kills slugc at every call that changes a file: the process that makes the call, or every
// process of the command.
func TestKills(t *testing.T) {
	for i, c := range scenarios {
		for j, fs := range []string{"tmpfs", "ext4"} {
			few := 0
			if (i+j)%2 == 0 {
				few = 1
			}
			t.Run(fs+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				disturb(t, fs, c, few, killFlags, killed)
			})
		}
	}
}

func killFlags(n int) []string { return []string{"-do", []string{"killall", "kill"}[n%2]} }

// killed says what is wrong with the end of a command of which processes were killed.
func killed(o outcome) (p problems) {
	if o.stuck {
		p.add("stuck")
	}
	if strings.Contains(o.Stderr, "[slugc/internal]") || strings.Contains(o.Stderr, "panic:") {
		p.add("exit %d: %s", o.Exit, lastLines(o.Stderr))
	}
	return p
}
