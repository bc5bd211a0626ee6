package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

func TestResult(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		script string
		want   error
	}{
		"success":  {"exit 0", nil},
		"failure":  {"exit 7", &sandbox.ExitError{Code: 7}},
		"255":      {"exit 255", &sandbox.ExitError{Code: 255}},
		"killed":   {"kill -9 $$", &sandbox.ExitError{Code: 137, Signal: syscall.SIGKILL}},
		"by abort": {"ulimit -c; kill -ABRT $$", &sandbox.ExitError{Code: 134, Signal: syscall.SIGABRT}},
	}
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				spec, _ := sh(test.script)
				if diff := cmp.Diff(test.want, box.Run(t.Context(), spec)); diff != "" {
					t.Error(diff)
				}
			})
		}
		if got := output(t, box, "ulimit -n; ulimit -c"); got != "16384\n0" {
			t.Errorf("the limits are %q", got)
		}
		spec, _ := sh("")
		spec.Args = []string{"/no/such/program"}
		if err := box.Run(t.Context(), spec); err == nil {
			t.Error("a missing program was run")
		}
	})
}

func TestStreams(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		var stdout, stderr bytes.Buffer
		spec, _ := sh("cat; echo err >&2")
		spec.Stdin, spec.Stdout, spec.Stderr = strings.NewReader(strings.Repeat("input\n", 50000)), &stdout, &stderr
		if err := box.Run(t.Context(), spec); err != nil || stdout.Len() != 300000 || stderr.String() != "err\n" {
			t.Errorf("%v: %d bytes, stderr %q", err, stdout.Len(), &stderr)
		}
		// Input that never ends does not delay the end of a child that does not read it.
		endless, feed := io.Pipe()
		defer feed.Close()
		spec, _ = sh("true")
		spec.Stdin, spec.Stdout, spec.Stderr = endless, nil, nil
		if err := box.Run(t.Context(), spec); err != nil {
			t.Error(err)
		}
		spec, _ = sh("echo 1; echo 2")
		spec.Stdout = fullDisk{}
		if err := box.Run(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "full") {
			t.Errorf("a writer that fails: %v", err)
		}
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		spec, _ := sh("sleep 60")
		spec.Limits.Idle = 100 * time.Millisecond
		want := &sandbox.LimitError{Which: sandbox.LimitIdle, Limit: 100 * time.Millisecond}
		if diff := cmp.Diff(error(want), box.Run(t.Context(), spec)); diff != "" {
			t.Error(diff)
		}
		spec, _ = sh("for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done")
		spec.Limits.Idle = 30 * time.Second
		if err := box.Run(t.Context(), spec); err != nil {
			t.Errorf("a child that is not idle: %v", err)
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		ctx, cancel := context.WithCancelCause(t.Context())
		spec, out := sh("echo started; sleep 60")
		ended := make(chan error, 1)
		go func() { ended <- box.Run(ctx, spec) }()
		testkit.Eventually(t, "the child", func() bool { return out.Contains("started") })
		stop := errors.New("enough")
		cancel(stop)
		if err := <-ended; !errors.Is(err, stop) {
			t.Errorf("a cancelled child: %v", err)
		}
		if err := box.Run(ctx, spec); !errors.Is(err, stop) {
			t.Errorf("a child that is cancelled before it starts: %v", err)
		}
	})
}

// TestConcurrentRuns runs many children of one sandbox side by side.
func TestConcurrentRuns(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				spec, out := sh(fmt.Sprintf("echo %d", i))
				if err := box.Run(t.Context(), spec); err != nil || out.String() != fmt.Sprintf("%d\n", i) {
					t.Errorf("child %d: %v %q", i, err, out)
				}
			})
		}
		all.Wait()
	})
}

func BenchmarkRun(b *testing.B) {
	for _, level := range allLevels {
		b.Run(string(level), func(b *testing.B) {
			box := at(b, level)
			for b.Loop() {
				spec, _ := sh(":")
				if err := box.Run(b.Context(), spec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
