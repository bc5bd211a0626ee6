package sandbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"slugc/cache/disk"
	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

// greedy are children that use more than a limit.
var greedy = map[string]struct {
	script string // with the writable directory as $1, the attempt program as $2
	limits sandbox.Limits
	which  string
	says   string
}{
	"memory": {
		`exec "$2" memory 400000000`, sandbox.Limits{Memory: 100e6}, sandbox.LimitMemory, "of memory, limit 100.0 MB",
	},
	"memory of many": {
		`for i in 1 2 3 4 5 6; do "$2" memory 40000000 & done; wait`,
		sandbox.Limits{Memory: 150e6}, sandbox.LimitMemory, "of memory, limit 150.0 MB",
	},
	// Each process starts two, eight times: 510 of them, whatever bounds them. Bash waits when it cannot start
	// one; other shells end.
	"fork bomb": {
		`exec bash -c 'f() { if [ $1 -gt 0 ]; then f $(($1-1)) & f $(($1-1)) & fi; exec sleep 60; }; f 8'`,
		sandbox.Limits{Processes: 64}, sandbox.LimitProcesses,
		"processes and threads, limit 64",
	},
	"disk": {
		`head -c 60000000 /dev/zero > "$1/big"; sleep 60`, sandbox.Limits{Disk: 20e6}, sandbox.LimitDisk,
		"MB, limit 20.0 MB",
	},
}

func greedySpec(t *testing.T, box *sandbox.Sandbox, name, work, program string) sandbox.Spec {
	t.Helper()
	writable := sandbox.Bind{Host: work, Inside: "/work", Writable: true}
	tools := sandbox.Bind{Host: filepath.Dir(program), Inside: "/attempt"}
	spec, _ := sh(greedy[name].script, writable, tools)
	spec.Args = append(spec.Args, "sh", box.Path(writable),
		filepath.Join(box.Path(tools), filepath.Base(program)))
	deadline := spec.Limits.Deadline
	spec.Limits = greedy[name].limits
	spec.Limits.Deadline = deadline
	return spec
}

// TestResources holds that a child that uses more than a limit is ended, with all it has started.
func TestResources(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		for name, test := range greedy {
			t.Run(name, func(t *testing.T) {
				spec := greedySpec(t, box, name, t.TempDir(), testkit.Program(t, "./testdata/attempt"))
				err := box.Run(t.Context(), spec)
				limit, ok := errors.AsType[*sandbox.LimitError](err)
				if !ok || limit.Which != test.which || !strings.HasSuffix(err.Error(), test.says) {
					t.Errorf("got %v, want a limit that ends in %q", err, test.says)
				}
			})
		}
	})
}

// TestResourcesUnprivileged does the same as an ordinary user, who can make no control groups here.
func TestResourcesUnprivileged(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		for name, test := range greedy {
			t.Run(name, func(t *testing.T) {
				dir, self := forNobody(t)
				program := filepath.Join(dir, "bin", "attempt")
				if err := os.Mkdir(filepath.Dir(program), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := disk.CopyFile(testkit.Program(t, "./testdata/attempt"), program, 0o755); err != nil {
					t.Fatal(err)
				}
				spec := greedySpec(t, box, name, filepath.Join(dir, "work"), program)
				cmd := sandboxedSpec(t, self, box.Level(), "", spec)
				// The test must not take all processes of the machine, whatever the sandbox does.
				cmd.Path, cmd.Args = "/usr/bin/prlimit", append([]string{"prlimit", "--nproc=400"}, cmd.Args...)
				if os.Getuid() == 0 {
					cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
				}
				out, err := cmd.CombinedOutput()
				if err == nil || !strings.Contains(string(out), test.says) {
					t.Errorf("got %v, want a limit that ends in %q\n%s", err, test.says, out)
				}
			})
		}
	})
}
