package supervise_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"slugc/compiler/sandbox/supervise"
)

// TestGroup tests supervision without a supervisor. The packages that use this one test the supervisor:
// they build a binary for it.
func TestGroup(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script string
		signal syscall.Signal
		want   supervise.Status
	}{
		"exit":    {"exit 3", 0, supervise.Status{Code: 3}},
		"signal":  {"kill -9 $$", 0, supervise.Status{Code: 137, Signal: syscall.SIGKILL}},
		"stopped": {"exec sleep 100", syscall.SIGTERM, supervise.Status{Code: 143, Signal: syscall.SIGTERM}},
		"killed": {
			"trap '' TERM; exec sleep 100", syscall.SIGKILL, supervise.Status{Code: 137, Signal: syscall.SIGKILL},
		},
		"lingers": {"sleep 100 & exit 4", 0, supervise.Status{Code: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := supervise.Start(supervise.Request{
				Args: []string{"/bin/sh", "-c", test.script}, Dir: "/", Grace: time.Minute, Linger: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			if test.signal != 0 {
				p.Signal(test.signal)
			}
			if got, err := p.Wait(); err != nil || got != test.want {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
			if err := syscall.Kill(-p.Pid, 0); err == nil {
				// A dead member that no process has collected yet still takes signals.
				for _, pid := range supervise.Descendants(1) {
					if group, _ := syscall.Getpgid(pid); group == p.Pid {
						t.Errorf("process %d of the group survives", pid)
					}
				}
			}
			p.Kill() // the process has ended: nothing happens
		})
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		request supervise.Request
		want    error
	}{
		"nothing":        {supervise.Request{}, nil},
		"relative":       {supervise.Request{Args: []string{"sh"}}, nil},
		"missing":        {supervise.Request{Args: []string{"/no/such"}, Dir: "/"}, fs.ErrNotExist},
		"not executable": {supervise.Request{Args: []string{file}, Dir: "/"}, fs.ErrPermission},
		"no directory":   {supervise.Request{Args: []string{"/bin/true"}, Dir: "/no/such"}, fs.ErrNotExist},
		"no supervisor": {
			supervise.Request{Self: "/no/such", Args: []string{"/bin/true"}, Dir: "/"}, fs.ErrNotExist,
		},
		"not a supervisor": {supervise.Request{Self: "/bin/true", Args: []string{"/bin/true"}, Dir: "/"}, nil},
		"rules alone":      {supervise.Request{Args: []string{"/bin/true"}, Dir: "/", Rules: &supervise.Rules{}}, nil},
	} {
		if _, err := supervise.Start(test.request); err == nil || (test.want != nil && !errors.Is(err, test.want)) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestDescendants(t *testing.T) {
	// A program's name may look like the fields that follow it in /proc/PID/stat.
	program := filepath.Join(t.TempDir(), "a) Z 1 (b")
	if err := os.Symlink("/bin/sleep", program); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", `"$1" 100 & echo $!; wait`, "sh", program)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer supervise.SignalDescendants(os.Getpid(), syscall.SIGKILL)
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	got := supervise.Descendants(os.Getpid())
	if len(got) != 2 || !slices.Contains(got, cmd.Process.Pid) {
		t.Errorf("got %v, want two with %d", got, cmd.Process.Pid)
	}
}
