package chaos_test

import (
	"strconv"
	"testing"

	"slugc/cmd/slugc/slugctest"
)

// TestBeside stops a command at each call that changes a file while another command runs to its end,
// or until it waits for the first one: prunes beside builds, builds beside prunes.
func TestBeside(t *testing.T) {
	for i, pair := range []struct{ first, other string }{
		{"rebuild", "cache prune --all"},
		{"register", "cache prune --all"},
		{"rollback", "cache prune --all"},
		{"run", "cache prune --all"},
		{"build", "cache prune --older 1ms"},
		{"push", "cache prune --all"},
		{"prune-all", "build source --app a"},
		{"prune", "build source --app b --no-register"},
		{"rebuild", "build source --app a"},
		{"rebuild", "cache verify"},
		{"rebuild", "rollback a"},
		{"push", "rollback a"},
	} {
		c := scenarioNamed(pair.first)
		t.Run(c.name+"/"+pair.other, func(t *testing.T) {
			t.Parallel()
			flags := func(n int) []string {
				if n == 0 {
					return nil
				}
				return []string{"-do", "beside " + slugctest.Binary(t) + " " + pair.other}
			}
			disturb(t, "tmpfs", c, map[int]int{0: 1}[i], flags, succeeded)
		})
	}
}

// succeeded requires that a command which was only held up ended well.
func succeeded(o outcome) (p problems) {
	if o.stuck || o.Exit != 0 {
		p.add("exit %d: %s", o.Exit, lastLines(o.Stderr))
	}
	return p
}

// TestKilledAgain kills a build, and then the next one, which cleans up after the first.
func TestKilledAgain(t *testing.T) {
	for _, name := range []string{"build", "rebuild", "fresh", "prune-all"} {
		c := scenarioNamed(name)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSweep(t, map[string]int{"rebuild": 1}[c.name])
			if s == nil {
				return
			}
			dir := mount(t, "tmpfs")
			w := newWorld(t, dir)
			first := w.inject(nil, c.prepare(w)...).calls
			for i, n := range s.choose(first * 4) {
				if i%epoch == epoch-1 {
					w = newWorld(t, dir)
				}
				command := c.prepare(w)
				before := w.mustReleases()
				o := w.inject([]string{"-at", strconv.Itoa(1 + n%first), "-do", "killall"}, command...)
				w.noProcess()
				again := []string{"slugc", "build", w.app, "--app", "a", "--json"}
				// The second is killed at its start more often than at its end: there it cleans up.
				o2 := w.inject([]string{"-at", strconv.Itoa(1 + n*n%97), "-do", "killall"}, again...)
				p := killed(o2)
				p = append(p, w.right(o2, again)...)
				p = append(p, w.check(before)...)
				s.report(n, o.call+", then "+o2.call, p)
				if len(p) > 0 {
					w = newWorld(t, dir)
				}
			}
		})
	}
}
