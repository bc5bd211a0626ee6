package sandbox_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

// TestCannotReadProcesses tries the environment and the memory of other processes, slugc's included, and
// files that the child could have inherited.
func TestCannotReadProcesses(t *testing.T) {
	t.Parallel()
	each(t, isolating, func(t *testing.T, box *sandbox.Sandbox) {
		other := sleeper(t, "TOKEN="+secret)
		refuses(t, box, fmt.Sprintf("cat /proc/%d/environ /proc/%[1]d/mem /proc/%d/environ; "+
			"cat /proc/[0-9]*/environ; env; true", other, os.Getpid()))
		// The shell itself has the directory open as one more file.
		if got := output(t, box, "cd /proc/$$/fd && echo *"); got != "0 1 2 3" {
			t.Errorf("the child has the files %s, want 0 1 2 and 3", got)
		}
	})
}

// TestCannotReadHost tries keys, certificates and other apps' files.
func TestCannotReadHost(t *testing.T) {
	t.Parallel()
	each(t, isolating, func(t *testing.T, box *sandbox.Sandbox) {
		file := secretFile(t)
		refuses(t, box, "cat "+file+"; ls "+filepath.Dir(file)+" && echo REACHED; true")
		refuses(t, box, "for f in /etc/shadow /etc/gshadow /etc/sudoers /etc/ssh/* "+
			"/root/.[a-z]* /home/*/.[a-z]* /var/lib/* /etc/ssl/private/*; do "+
			"(: < $f) 2>/dev/null && ! [ -d $f ] && echo REACHED $f; done; true")
	})
}

// TestCannotWriteElsewhere tries another app's cache: by path, symbolic link, hard link and dots.
func TestCannotWriteElsewhere(t *testing.T) {
	t.Parallel()
	each(t, isolating, func(t *testing.T, box *sandbox.Sandbox) {
		root := t.TempDir()
		theirs := filepath.Join(root, "theirs", "lib.js")
		testkit.Write(t, theirs, "good")
		for _, err := range []error{
			os.Mkdir(filepath.Join(root, "mine"), 0o777),
			os.Chmod(filepath.Dir(theirs), 0o777), os.Chmod(theirs, 0o666),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		mine := sandbox.Bind{Host: filepath.Join(root, "mine"), Inside: "/cache", Writable: true}
		output(t, box, fmt.Sprintf(`cd %s; theirs=%s
			echo bad > $theirs; echo bad > ../theirs/lib.js; rm -f $theirs; truncate -s 0 $theirs; chmod 0 $theirs
			ln $theirs hard && echo bad > hard; ln -s $theirs soft; echo bad > soft; mv $theirs moved
			cd ..; rmdir mine; mv mine other; ln -s / mine; true`,
			box.Path(mine), theirs), mine)
		if got, err := os.ReadFile(theirs); err != nil || string(got) != "good" {
			t.Errorf("the other app's file is %q, %v", got, err)
		}
		if testkit.Exists(root, "mine", "hard") {
			t.Error("the child has made a hard link to another app's file")
		}
		if info, err := os.Lstat(mine.Host); err != nil || !info.IsDir() {
			t.Errorf("the bound directory is %v, %v", info, err)
		}
	})
}

// TestReadOnly tries to write a read-only bind, and what the child sees of the system.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	each(t, isolating, func(t *testing.T, box *sandbox.Sandbox) {
		bind := sandbox.Bind{Host: filepath.Dir(secretFile(t)), Inside: "/runtime"}
		// Should the sandbox fail, the script does no harm: it opens files for writing without writing to
		// them, and removes the directories that it makes.
		refuses(t, box, fmt.Sprintf("for f in %s/id_rsa /usr/bin/env /etc/hosts /proc/sys/kernel/core_pattern; do "+
			"(: >> $f) && echo REACHED $f; done; for d in %[1]s /usr /etc / /dev; do "+
			"mkdir $d/slugc-test && rmdir $d/slugc-test && echo REACHED $d; done; true", box.Path(bind)), bind)
	})
}

// TestCannotMakeDevice tries devices and privileges. A FIFO is permitted: the packer refuses it.
func TestCannotMakeDevice(t *testing.T) {
	t.Parallel()
	each(t, isolating, func(t *testing.T, box *sandbox.Sandbox) {
		bind := sandbox.Bind{Host: t.TempDir(), Inside: "/app", Writable: true}
		refuses(t, box, fmt.Sprintf("cd %s; mknod disk b 254 0 && echo REACHED; mknod mem c 1 1 && echo REACHED; "+
			"mkfifo pipe; grep CapEff /proc/self/status | grep -v 0000000000000000 && echo REACHED; "+
			"grep 'NoNewPrivs:.0' /proc/self/status && echo REACHED; true", box.Path(bind)), bind)
	})
}

// TestCannotSignal tries to end a process of the host, slugc itself and the child's parent.
func TestCannotSignal(t *testing.T) {
	t.Parallel()
	each(t, isolating, func(t *testing.T, box *sandbox.Sandbox) {
		victim := sleeper(t)
		refuses(t, box, fmt.Sprintf("kill -9 %d 2>/dev/null && echo REACHED; kill -0 %d && echo REACHED; "+
			"kill -9 $PPID; true", victim, os.Getpid()))
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", victim)); err != nil ||
			!strings.Contains(string(state), ") S ") {
			t.Errorf("the other process has ended: %s %v", state, err)
		}
	})
}

// TestNoNetwork connects to a server of the host, without network and with it. Landlock denies TCP alone.
func TestNoNetwork(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	port := server.Addr().(*net.TCPAddr).Port
	script := fmt.Sprintf(`bash -c ': < /dev/tcp/127.0.0.1/%d' && echo REACHED; true`, port)
	each(t, isolating, func(t *testing.T, box *sandbox.Sandbox) {
		refuses(t, box, script)
		spec, out := sh(script)
		spec.Network = true
		if err := box.Run(t.Context(), spec); err != nil || !out.Contains(secret) {
			t.Errorf("with network: %v\n%s", err, out)
		}
	})
}

// TestEndlessOutput holds that endless output, and one line of a gigabyte, are read to the end and cut off.
func TestEndlessOutput(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		size := 1 << 30
		if box.Level() != sandbox.Bubblewrap {
			size = 1 << 26 // the reading is the same at all levels
		}
		spec, out := sh(fmt.Sprintf("head -c %d /dev/zero; echo; echo done >&2", size))
		spec.Limits.Log = 1000
		if err := box.Run(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		want := strings.Repeat("\x00", 1000) + "\n[output beyond 1000 bytes is not shown]\n"
		if got := out.String(); got != want {
			t.Errorf("got %d bytes, want %d: %q", len(got), len(want), got[max(0, len(got)-80):])
		}
		spec, _ = sh("yes")
		spec.Limits = sandbox.Limits{Deadline: 300 * time.Millisecond, Log: 1000}
		if err := box.Run(t.Context(), spec); !isLimit(err, sandbox.LimitDeadline) {
			t.Errorf("endless output ended with %v", err)
		}
	})
}

// TestNothingSurvives holds that whatever a child leaves behind has ended when Run returns, and that Run
// does not wait for it to end by itself.
func TestNothingSurvives(t *testing.T) {
	t.Parallel()
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
			t.Parallel()
			each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
				marker := testkit.Marker()
				if got := output(t, box, fmt.Sprintf(script, "sleep "+marker)); got != "left" {
					t.Errorf("the child wrote %q", got)
				}
				testkit.NoProcess(t, marker)
			})
		})
	}
}

// TestIgnoredSIGTERM ends a child that ignores SIGTERM and sleeps.
func TestIgnoredSIGTERM(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		marker := testkit.Marker()
		spec, out := sh(fmt.Sprintf("trap 'echo received' TERM INT HUP; (trap '' TERM; setsid sleep %s) & "+
			"while :; do sleep 0.1; done", marker))
		spec.Limits.Deadline = time.Second
		if err := box.Run(t.Context(), spec); !isLimit(err, sandbox.LimitDeadline) {
			t.Errorf("ended with %v, want the deadline", err)
		}
		if !out.Contains("received") {
			t.Errorf("the child got no SIGTERM first: %q", out)
		}
		testkit.NoProcess(t, marker)
	})
}

// TestKilledSlugc kills slugc at several moments, also while it starts a child. Nothing may be left.
func TestKilledSlugc(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		for i := range 8 {
			marker := testkit.Marker()
			temp := t.TempDir()
			cmd := sandboxed(t, child(t), box.Level(), temp, fmt.Sprintf("setsid sleep %s & sleep %[1]s", marker))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// The marker is on the command lines of all processes that lead to the child.
			testkit.Eventually(t, "the child", func() bool { return len(testkit.Processes(t, marker)) > 0 })
			time.Sleep(time.Duration(2*i) * time.Millisecond)
			cmd.Process.Signal(syscall.SIGKILL)
			cmd.Wait()
			testkit.Eventually(t, "the end of all", func() bool { return len(testkit.Processes(t, marker)) == 0 })
			testkit.Eventually(t, "its directories' removal", func() bool { return len(glob(t, temp+"/*")) == 0 })
		}
	})
}
