package command_test

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/cache/testkit"
)

// TestWaiting holds that a command with an open connection is noted while it runs, and not afterwards, and
// that one which only sleeps is not.
func TestWaiting(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, port, _ := net.SplitHostPort(silent.Addr().String())
	connect := "exec 3<>/dev/tcp/127.0.0.1/" + port + "; read -t 4 <&3"
	for script, waits := range map[string]bool{connect: true, "sleep 3": false} {
		report, seen := filepath.Join(t.TempDir(), "report"), false
		log := &command.Log{Out: io.Discard, Report: report}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = log.Run(t.Context(), command.Command{
				Program: "/bin/bash", Args: []string{"-c", script}, Shown: "get", Network: "x/network", Asks: "x.test",
			})
		}()
		for open := true; open; {
			select {
			case <-ended:
				open = false
			case <-time.After(50 * time.Millisecond):
			}
			if d, err := diagnosis.Read(report); err == nil {
				seen = seen || d.Waiting && d.ID == "x/network" && strings.Contains(d.Summary, "`get` waits on x.test")
			}
		}
		if seen != waits || testkit.Exists(report) {
			t.Errorf("%q: noted is %t, want %t; left behind: %t", script, seen, waits, testkit.Exists(report))
		}
	}
}
