package chaos_test

import (
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slugc/cmd/slugc/slugctest"
	"slugc/compiler/release"
)

// TestPowerCuts cuts the power of an ext4 at calls that change files, and right after commands. What
// was written and not synced is gone then: files are empty, directories as they were. The app's source
// is written again afterwards, since it is not slugc's.
func TestPowerCuts(t *testing.T) {
	for _, c := range scenarios {
		if c.name == "push" {
			continue // what git has not synced is git's loss
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSweep(t, map[string]int{"rebuild": 1, "register": 1}[c.name])
			if s == nil {
				return
			}
			disk := loop(t)
			w := newWorld(t, disk.dir)
			calls := w.inject(nil, c.prepare(w)...).calls
			for i, n := range s.choose(calls + 2) {
				if i > 0 {
					w = newWorld(t, disk.dir)
				}
				command := c.prepare(w)
				before := w.mustReleases()
				if n%2 == 0 {
					disk.sync() // what was there before is on the disk, what the command does is not
				}
				flags := []string{"-at", strconv.Itoa(n), "-do", "cut " + disk.dir}
				o := w.inject(flags, command...)
				if o.call == "" {
					o.call = "after the command"
					before = w.mustReleases() // what it said is done must be there
				}
				w.noProcess()
				disk.cut()
				slugctest.ToyApp(t, w.app, w.variant)
				s.report(n, o.call, w.check(before))
			}
		})
	}
}

func (w *world) mustReleases() []release.Release {
	w.Helper()
	list, err := w.releases()
	if err != nil {
		w.Fatal(err)
	}
	return list
}

// TestFullDisks runs commands on a tmpfs that has room for some pages, or for some files, more.
func TestFullDisks(t *testing.T) {
	for _, c := range scenarios {
		for _, limit := range []string{"pages", "files"} {
			few := map[string]int{"build": 1}[c.name]
			t.Run(c.name+"/"+limit, func(t *testing.T) {
				t.Parallel()
				s := newSweep(t, few)
				if s == nil {
					return
				}
				dir := mount(t, "tmpfs")
				w := newWorld(t, dir)
				for i, n := range s.choose(steps[limit]) {
					if i%epoch == epoch-1 {
						w = newWorld(t, dir)
					}
					command := c.prepare(w)
					before := w.mustReleases()
					squeeze(t, dir, limit, n)
					o := w.run(command...)
					w.noProcess()
					restore(t, dir)
					p := failed(o)
					full := o.Exit == 75 && strings.Contains(o.Stderr, "[disk/full]")
					if command[1] == "build" && o.Exit != 0 && !full {
						p.add("exit %d, not 75 [disk/full]: %s", o.Exit, lastLines(o.Stderr))
					}
					if c.settle != nil {
						p = append(p, c.settle(w, o)...)
					}
					p = append(p, w.right(o, command)...)
					p = append(p, w.check(before)...)
					s.report(n, strconv.Itoa(n)+" "+limit+" are left", p)
					if len(p) > 0 {
						w = newWorld(t, dir)
					}
				}
			})
		}
	}
}

// steps are how many pages and files a build from scratch needs at most.
var steps = map[string]int{"pages": 220, "files": 120}

// squeeze leaves room for n more pages or files on a tmpfs.
func squeeze(t testing.TB, dir, limit string, n int) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	option := "size=" + strconv.FormatUint((st.Blocks-st.Bfree+uint64(n))*uint64(st.Bsize), 10)
	if limit == "files" {
		option = "nr_inodes=" + strconv.FormatUint(st.Files-st.Ffree+uint64(n), 10)
	}
	remount(t, dir, option)
}

// restore gives a tmpfs its room back.
func restore(t testing.TB, dir string) {
	t.Helper()
	remount(t, dir, "size=1g,nr_inodes=100000")
}

func remount(t testing.TB, dir, options string) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, options); err != nil {
		t.Fatalf("mounting with %s: %v", options, err)
	}
}
