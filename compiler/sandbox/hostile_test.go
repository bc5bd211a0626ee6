package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slugc/compiler/sandbox"
)

// walled are the levels that keep a child from the rest of the machine.
var walled = []sandbox.Level{sandbox.Bubblewrap, sandbox.Landlock}

// refuses fails when the script can do what it tries: the script prints "REACHED" if so.
func refuses(t *testing.T, box *sandbox.Sandbox, script string, binds ...sandbox.Bind) {
	t.Helper()
	if got := output(t, box, script, binds...); strings.Contains(got, "REACHED") {
		t.Errorf("the child could do what %q tries:\n%s", script, got)
	}
}

// secretFile is a readable file that belongs to the host.
func secretFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "id_rsa")
	if err := os.WriteFile(path, []byte("REACHED\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// S1: neither a process's nor the starter's environment, and no inherited file.
func TestChildCannotReadOtherProcesses(t *testing.T) {
	other := exec.Command("/bin/sleep", "60")
	other.Env = []string{"TOKEN=REACHED"}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Process.Kill(); other.Wait() })
	t.Setenv("SLUGC_TEST_SECRET", "REACHED")
	each(t, walled, func(t *testing.T, box *sandbox.Sandbox) {
		refuses(
			t,
			box,
			fmt.Sprintf(
				"cat /proc/%d/environ /proc/%d/mem /proc/%d/environ; cat /proc/[0-9]*/environ; env; true",
				other.Process.Pid,
				other.Process.Pid,
				os.Getpid(),
			),
		)
		// The shell has the directory itself open as one more file.
		if got := output(t, box, "cd /proc/$$/fd && echo *"); got != "0 1 2 3" {
			t.Errorf("the child has the files %s, want 0 1 2 and 3", got)
		}
	})
}

// The values of the environment stand on no command line.
func TestEnvironmentIsOnNoCommandLine(t *testing.T) {
	each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
		spec, out := sh("echo started; cat")
		spec.Env = append(spec.Env, "TOKEN=kept-to-itself")
		in, feed, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		spec.Stdin = in
		ended := make(chan error)
		go func() { ended <- box.Run(context.Background(), spec) }()
		waitFor(t, "the child", func() bool { return strings.Contains(out.String(), "started") })
		for _, path := range glob(t, "/proc/[0-9]*/cmdline") {
			if line, _ := os.ReadFile(path); strings.Contains(string(line), "kept-to-itself") {
				t.Errorf("%s: %q", path, line)
			}
		}
		feed.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// S2: keys, certificates, other apps.
func TestChildCannotReadTheHost(t *testing.T) {
	secret := secretFile(t)
	each(t, walled, func(t *testing.T, box *sandbox.Sandbox) {
		refuses(t, box, "cat "+secret+"; ls "+filepath.Dir(secret)+" && echo REACHED; true")
		refuses(
			t,
			box,
			"for f in /etc/shadow /etc/gshadow /etc/sudoers /etc/ssh/* /root/.[a-z]* /home/*/.[a-z]* /var/lib/* /etc/ssl/private/*; do "+
				"(: < $f) 2>/dev/null && ! [ -d $f ] && echo REACHED $f; done; true",
		)
	})
}

// S4, S15, S16: another app's cache, by path, symbolic link, hard link and dots.
func TestChildCannotWriteElsewhere(t *testing.T) {
	each(t, walled, func(t *testing.T, box *sandbox.Sandbox) {
		root := t.TempDir()
		for _, dir := range []string{"mine", "theirs"} {
			if err := os.Mkdir(filepath.Join(root, dir), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		theirs := filepath.Join(root, "theirs", "lib.js")
		if err := os.WriteFile(theirs, []byte("good"), 0o666); err != nil {
			t.Fatal(err)
		}
		mine := sandbox.Bind{Host: filepath.Join(root, "mine"), Inside: "/cache", Writable: true}
		output(t, box, fmt.Sprintf(`cd %s; theirs=%s
			echo bad > $theirs; echo bad > ../theirs/lib.js; rm -f $theirs; truncate -s 0 $theirs; chmod 0 $theirs
			ln $theirs hard && echo bad > hard; ln -s $theirs soft; echo bad > soft; mv $theirs moved; cd ..; rmdir mine; mv mine other; ln -s / mine; true`,
			box.Path(mine), theirs), mine)
		if got, err := os.ReadFile(theirs); err != nil || string(got) != "good" {
			t.Errorf("the other app's file is %q, %v", got, err)
		}
		if _, err := os.Stat(filepath.Join(root, "mine", "hard")); err == nil {
			t.Error("the child has made a hard link to another app's file")
		}
		if info, err := os.Lstat(mine.Host); err != nil || !info.IsDir() {
			t.Errorf("the bound directory is %v, %v", info, err)
		}
	})
}

// A read-only bind is not written, nor what the system shows.
func TestReadOnlyIsReadOnly(t *testing.T) {
	each(t, walled, func(t *testing.T, box *sandbox.Sandbox) {
		bind := sandbox.Bind{Host: filepath.Dir(secretFile(t)), Inside: "/runtime"}
		// Where this is no sandbox, it must do no harm either: files are opened for writing and not
		// written, directories go again.
		refuses(
			t,
			box,
			fmt.Sprintf(
				"for f in %s/id_rsa /usr/bin/env /etc/hosts /proc/sys/kernel/core_pattern; do (: >> $f) && echo REACHED $f; done; "+
					"for d in %s /usr /etc / /dev; do mkdir $d/slugc-test && rmdir $d/slugc-test && echo REACHED $d; done; true",
				box.Path(bind),
				box.Path(bind),
			),
			bind,
		)
	})
}

// S14: devices; a FIFO is a matter for the packer, but must not do harm here.
func TestChildMakesNoDevice(t *testing.T) {
	each(t, walled, func(t *testing.T, box *sandbox.Sandbox) {
		bind := sandbox.Bind{Host: t.TempDir(), Inside: "/app", Writable: true}
		refuses(
			t,
			box,
			fmt.Sprintf("cd %s; mknod disk b 254 0 && echo REACHED; mknod mem c 1 1 && echo REACHED; mkfifo pipe; "+
				"grep CapEff /proc/self/status | grep -v 0000000000000000 && echo REACHED; grep 'NoNewPrivs:.0' /proc/self/status && echo REACHED; true", box.Path(bind)),
			bind,
		)
	})
}

// S18: slugc itself.
func TestChildCannotReachProcesses(t *testing.T) {
	each(t, walled, func(t *testing.T, box *sandbox.Sandbox) {
		victim := exec.Command("/bin/sleep", "60")
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { victim.Process.Kill(); victim.Wait() }()
		refuses(
			t,
			box,
			fmt.Sprintf(
				"kill -9 %d 2>/dev/null && echo REACHED; kill -0 %d && echo REACHED; kill -9 $PPID; true",
				victim.Process.Pid,
				os.Getpid(),
			),
		)
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", victim.Process.Pid)); err != nil ||
			!strings.Contains(string(state), ") S ") {
			t.Errorf("the other process is gone: %s %v", state, err)
		}
	})
}

// S3, in part: no network at all when none is given. Landlock can tell only TCP.
func TestNoNetwork(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	script := fmt.Sprintf(
		`bash -c ': < /dev/tcp/127.0.0.1/%d' && echo REACHED; true`,
		server.Addr().(*net.TCPAddr).Port,
	)
	each(t, walled, func(t *testing.T, box *sandbox.Sandbox) {
		refuses(t, box, script)
		spec, out := sh(script)
		spec.Network = true
		if err := box.Run(t.Context(), spec); err != nil || !strings.Contains(out.String(), "REACHED") {
			t.Errorf("with network: %v\n%s", err, out)
		}
	})
}

// S10: endless output, and one line of a gigabyte, are read to their end and cut off.
func TestEndlessOutput(t *testing.T) {
	each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
		size := 1 << 30
		if box.Level() != sandbox.Bubblewrap {
			size = 1 << 26 // the reading is the same at all levels
		}
		spec, out := sh(fmt.Sprintf("head -c %d /dev/zero; echo; echo done >&2", size))
		spec.Limits.Log = 1000
		if err := box.Run(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), strings.Repeat("\x00", 1000)+"\n[output beyond 1000 bytes is not shown]\n"; got != want {
			t.Errorf("got %d bytes, want %d: %q", len(got), len(want), got[max(0, len(got)-80):])
		}
		spec, _ = sh("yes")
		spec.Limits = sandbox.Limits{Deadline: 300 * time.Millisecond, Log: 1000}
		if err := box.Run(t.Context(), spec); !errors.As(err, new(*sandbox.LimitError)) {
			t.Errorf("endless output ended with %v", err)
		}
	})
}

// S12: whatever a child leaves behind is gone when Run returns, and Run does not wait for it.
func TestNothingSurvives(t *testing.T) {
	for name, script := range map[string]string{
		"background":   "%s & echo left",
		"nohup":        "nohup %s >/dev/null 2>&1 & echo left",
		"setsid":       "setsid %s & echo left",
		"double fork":  "(setsid sh -c '(nohup %s </dev/null >/dev/null 2>&1 &)' &) ; sleep 0.1; echo left",
		"deaf":         "(trap '' TERM HUP INT; setsid %s) & sleep 0.1; echo left",
		"clean env":    "setsid env -i %s & echo left",
		"after a fork": "for i in 1 2 3 4 5 6 7 8 9 10; do setsid %s & done; sleep 0.1; echo left",
	} {
		t.Run(name, func(t *testing.T) {
			each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
				marker := newMarker()
				if got := output(t, box, fmt.Sprintf(script, "sleep "+marker)); got != "left" {
					t.Errorf("the child wrote %q", got)
				}
				if left := running(t, marker); len(left) > 0 {
					t.Errorf("these survive: %v", left)
				}
			})
		})
	}
}

// S20: a child that ignores SIGTERM and sleeps.
func TestDeafChild(t *testing.T) {
	each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
		marker := newMarker()
		spec, out := sh(
			fmt.Sprintf(
				"trap 'echo heard' TERM INT HUP; (trap '' TERM; setsid sleep %s) & while :; do sleep 0.1; done",
				marker,
			),
		)
		spec.Limits.Deadline = 300 * time.Millisecond
		err := box.Run(t.Context(), spec)
		limit := (*sandbox.LimitError)(nil)
		if !errors.As(err, &limit) || limit.Which != sandbox.LimitDeadline {
			t.Errorf("ended with %v, want the deadline", err)
		}
		if !strings.Contains(out.String(), "heard") {
			t.Errorf("the child was not asked to end first: %q", out)
		}
		if left := running(t, marker); len(left) > 0 {
			t.Errorf("these survive: %v", left)
		}
	})
}

// slugc killed at any moment, while it starts a child too, leaves nothing.
func TestSlugcKilled(t *testing.T) {
	each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
		for i := range 8 {
			marker := newMarker()
			temp := t.TempDir()
			cmd := asChild(t, box.Level(), temp, fmt.Sprintf("setsid sleep %s & sleep %s", marker, marker))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// The marker is on the command lines of all that leads to it.
			waitFor(t, "the child", func() bool { return len(running(t, marker)) > 0 })
			time.Sleep(time.Duration(2*i) * time.Millisecond)
			cmd.Process.Signal(syscall.SIGKILL)
			cmd.Wait()
			waitFor(t, "the end of all", func() bool { return len(running(t, marker)) == 0 })
			waitFor(t, "the end of its directories", func() bool { return len(glob(t, temp+"/*")) == 0 })
		}
	})
}
