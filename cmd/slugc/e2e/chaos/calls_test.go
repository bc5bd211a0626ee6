package chaos_test

import (
	"regexp"
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
	s := newSweep(t, few)
	if s == nil {
		return
	}
	dir := mount(t, fs)
	w := newWorld(t, dir)
	counted := w.inject(slices.DeleteFunc(flags(0), func(f string) bool { return f == "-on" }), c.prepare(w)...)
	w.noProcess()
	for i, n := range s.choose(counted.calls) {
		if i%epoch == epoch-1 {
			w = newWorld(t, dir)
		}
		command := c.prepare(w)
		before := w.mustReleases()
		o := w.inject(append(flags(n), "-at", strconv.Itoa(n)), command...)
		if o.call == "" {
			continue // this time there were fewer calls
		}
		p := verdict(o)
		if c.settle != nil {
			p = append(p, c.settle(w, o)...)
		}
		p = append(p, w.right(o, command)...)
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
			if (i+j)%3 == 0 {
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

// failures are the errors that calls fail with, and the calls that may fail so.
var failures = []struct{ errno, calls string }{
	{"EIO", "all"},
	{"ENOSPC", "openat,open,creat,write,writev,pwrite64,copy_file_range,sendfile,mkdirat,mkdir,symlinkat,symlink," +
		"linkat,link,renameat,renameat2,rename,ftruncate,fallocate,fsync,fdatasync"},
	{"EMFILE", "openat,openat2,open,creat"},
	{"EACCES", "openat,openat2,open,creat,mkdirat,mkdir,symlinkat,linkat,link,renameat,renameat2,rename,unlinkat," +
		"unlink,rmdir,newfstatat,readlinkat,fchmodat,chmod"},
}

// TestFailingCalls lets calls fail, once or from then on.
func TestFailingCalls(t *testing.T) {
	for i, f := range failures {
		for j, c := range scenarios {
			few := 0
			if (2*i+j)%6 == 0 {
				few = 1
			}
			t.Run(f.errno+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				flags := func(n int) []string {
					list := []string{"-calls", f.calls, "-do", f.errno}
					if n%2 == 0 && c.name != "push" { // whoever settles a push tries until it can
						list = append(list, "-on")
					}
					return list
				}
				verdict := failed
				if f.errno == "EMFILE" || f.errno == "EACCES" {
					verdict = refused
				}
				disturb(t, "tmpfs", c, few, flags, verdict)
			})
		}
	}
}

// allowed are the exit codes of a command whose files cannot be read or written. 0 is one if what it
// made is right. git has its own: 1, and 128 where a hook ends its transaction.
var allowed = []int{0, 42, 62, 72, 75}

// inBuild matches the disturbed call of a file that a build sees. Whether it lacks permissions or open
// files is up to the app too.
var inBuild = regexp.MustCompile(`^\d+ \w+ (?:/app|/toolchains|/platform|/cnb|/etc|/proc|/tmp$|.*/world/source|` +
	`.*/build/app|.*/programs/)`)

// errorID matches the line that ends an error, in a push too.
var errorID = regexp.MustCompile(`(?m)^(?:remote: )? !     \[[a-z-]+(?:/[a-z-]+)?\]`)

// failed says what is wrong with the end of a command some calls of which failed. Of a push that git itself
// could not unpack, slugc knows nothing.
func failed(o outcome) (p problems) {
	if strings.Contains(o.Stderr, "(unpacker error)") {
		return nil
	}
	switch ids := errorID.FindAllString(o.Stderr, -1); {
	case o.stuck:
		p.add("stuck")
	case o.Exit != 0 && len(ids) != 1:
		p.add("exit %d with %d errors: %s", o.Exit, len(ids), lastLines(o.Stderr))
	case !slices.Contains(allowed, o.Exit) && !strings.Contains(o.Stderr, "failed to push") && o.Exit != 128:
		p.add("exit %d: %s", o.Exit, lastLines(o.Stderr))
	}
	for _, words := range []string{"[slugc/internal]", "[buildpack/broke]", "panic:", "goroutine "} {
		if strings.Contains(o.Stderr, words) {
			p.add("%s: %s", words, lastLines(o.Stderr))
		}
	}
	return p
}

// refused is [failed] where permissions or open files lack. The call is the first that failed; of a source that
// cannot be read afterwards its owner is told.
func refused(o outcome) problems {
	blamed := o.Exit == 51 || o.Exit == 52 || strings.Contains(o.Stderr, "[buildpack/broke]")
	if blamed && (inBuild.MatchString(o.call) || strings.Contains(o.Stderr, "[source/unreadable]")) {
		return nil
	}
	return failed(o)
}
