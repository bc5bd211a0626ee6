package main

import (
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
	"slugc/compiler/procfile"
)

// TestProcessPort holds where PORT comes from, for a process type, a command and a formation, and that the
// flag wins over -e, that over a file, that over .env and that over the environment.
func TestProcessPort(t *testing.T) {
	t.Parallel()
	home := slugctest.Home(t)
	file := slugctest.SlugOf(t, map[string]string{"a": "b"}, procfile.ProcessMap{
		{Type: "web", Command: "echo port=$PORT"}, {Type: "clock", Command: "echo port=$PORT."},
	})
	bare := t.TempDir()
	local := testkit.Tree(t, t.TempDir(), map[string]string{".env": "PORT=5701", "e": "export PORT = '5702' # x"})
	command := []string{"--", "sh", "-c", "echo port=$PORT"}
	for _, test := range []struct {
		dir, env string
		args     []string
		command  bool // behind --
		want     string
	}{
		{dir: bare, want: "port=5000"},
		{dir: bare, env: "PORT=5703", want: "port=5703"},
		{dir: bare, env: "PORT=tcp://10.0.0.1:80", want: "port=5000"},
		{dir: local, env: "PORT=5703", want: "port=5701"},
		{dir: local, args: []string{"--env-file="}, want: "port=5000"},
		{dir: local, args: []string{"--env-file", "e"}, want: "port=5702"},
		{dir: local, args: []string{"--env-file", "e", "-e", "PORT=5704"}, want: "port=5704"},
		{dir: local, args: []string{"-p", "5705", "-e", "PORT=5704"}, want: "port=5705"},
		{dir: bare, args: []string{"clock"}, want: "port=."},
		{dir: bare, args: []string{"clock", "-e", "PORT=5706"}, want: "port=5706."},
		{dir: bare, command: true, want: "port="},
		{dir: bare, command: true, args: []string{"-e", "PORT=5704"}, want: "port=5704"},
		{dir: bare, command: true, args: []string{"-p", "5705"}, want: "port=5705"},
		{dir: bare, command: true, env: "PORT=5703", want: "port=5703"},
	} {
		args := append([]string{"run", file}, test.args...)
		if test.command {
			args = append(args, command...)
		}
		if o := slugctest.RunIn(t, test.dir, home, []string{test.env}, args...); o.Stdout != test.want+"\n" {
			t.Errorf("%s %q: exit %d, %q, want %q\n%s", test.env, args, o.Exit, o.Stdout, test.want, o.Stderr)
		}
	}
	o := slugctest.RunIn(t, local, home, []string{"PORT=5703"}, "start", file, "-m", "clock=1", "--no-timestamp")
	if !strings.Contains(o.Stdout, "port=5801.") || !strings.Contains(o.Stderr, "Using the config vars of .env") {
		t.Errorf("start: exit %d\n%s%s", o.Exit, o.Stdout, o.Stderr)
	}
}

// TestProcessSignals holds that every signal that foreman passes on reaches the process, that SIGQUIT does
// too, and that none of them ends slugc. The process finds slugc by its own name.
func TestProcessSignals(t *testing.T) {
	t.Parallel()
	home := slugctest.Home(t)
	file := slugctest.SmallSlug(t, "hello", "")
	for _, sig := range []string{"TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH"} {
		t.Run(sig, func(t *testing.T) {
			t.Parallel()
			script := `trap 'echo caught; exit 3' $0; kill -$0 ${DYNO#run.}; for i in $(seq 100); do sleep 0.1; done`
			o := slugctest.Run(t, home, "run", file, "--", "sh", "-c", script, sig)
			if o.Exit != 3 || o.Stdout != "caught\n" || strings.Contains(o.Stderr, "goroutine") {
				t.Errorf("exit %d, %q\n%s", o.Exit, o.Stdout, o.Stderr)
			}
		})
	}
}
