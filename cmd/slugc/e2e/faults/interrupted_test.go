package faults_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// TestInterrupted sends each signal to a build in the middle of a buildpack: it ends with 130 and
// leaves no process and no half-made release.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			home, dir := slugctest.WarmHome(t, "go", "stopped"), t.TempDir()
			// seconds, by which the process is found in a sandbox too
			mark := fmt.Sprintf("%d.%d", 1_000_000+os.Getpid(), sig)
			slugctest.GoApp(t, dir, "x")
			testkit.Tree(
				t,
				dir,
				map[string]string{"bin/go-pre-compile": "#!/bin/sh\necho now it sleeps\nsleep " + mark + " & wait\n"},
			)
			if err := os.Chmod(filepath.Join(dir, "bin/go-pre-compile"), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(slugctest.Binary(t), "build", dir, "--app", "stopped")
			cmd.Env = append([]string{"HOME=" + home, "SLUGC_HOME=" + home}, slugctest.Settings(t)...)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			giveUp := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
			defer giveUp.Stop()
			said := slugctest.ReadUntil(t, stderr, "now it sleeps")
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			rest, _ := io.ReadAll(stderr)
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 130 ||
				!strings.HasSuffix(string(rest), " !     interrupted\n") {
				t.Errorf("ends with %d, having said:\n%s%s", code, said, rest)
			}
			slugctest.NoProcess(t, home)
			slugctest.NoProcess(t, mark)
			if o := slugctest.Run(t, home, "ps", "stopped"); o.Exit != 72 {
				t.Errorf("the app has a release: %s%s", o.Stdout, o.Stderr)
			}
			slugctest.VerifyCache(t, home)
		})
	}
}
