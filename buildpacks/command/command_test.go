package command_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

// sh is a run of a shell script.
func sh(script string) command.Command {
	return command.Command{
		Program: "/bin/sh",
		Args:    []string{"-c", script},
		Shown:   "tool",
		Dir:     "/",
		Env:     []string{"PATH=/usr/bin:/bin"},
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	var shown, stdout bytes.Buffer
	log := &command.Log{Out: &shown}
	log.Hide("hunter", "hunter22")
	log.Step("Step %d", 1)
	c := sh(`printf 'one\ntw'; printf 'o\r\n\nfatal: https://me:hun'; printf 'ter22@git\n'; echo dull >&2; printf last`)
	c.Drop = func(line string) bool { return line == "dull" }
	tail, err := log.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	want := "-----> Step 1\n       one\n       two\n\n       fatal: https://me:[secret]@git\n       last\n"
	if shown.String() != want {
		t.Errorf("shows %q, want %q", shown.String(), want)
	}
	if want = "one\ntwo\n\nfatal: https://me:[secret]@git\ndull\nlast\n"; string(tail) != want {
		t.Errorf("keeps %q, want %q", tail, want)
	}
	shown.Reset()
	c = sh("echo out; echo err >&2")
	c.Stdout, c.Quiet = &stdout, true
	if tail, err = log.Run(t.Context(), c); err != nil || stdout.String() != "out\n" || string(tail) != "err\n" ||
		shown.Len() > 0 {
		t.Errorf("stdout %q, tail %q, shows %q (%v)", stdout.String(), tail, shown.String(), err)
	}
}

// TestRunBounds holds that of a long output the end is kept, and that an endless line is shown.
func TestRunBounds(t *testing.T) {
	t.Parallel()
	var shown bytes.Buffer
	tail, err := (&command.Log{Out: &shown}).Run(
		t.Context(),
		sh(`head -c 200000 /dev/zero | tr '\0' x; echo; yes 0123456789 | head -n 90000; echo the end`),
	)
	if err != nil || len(tail) > 256<<10 || len(tail) < 200<<10 ||
		!bytes.HasSuffix(tail, []byte("0123456789\nthe end\n")) {
		t.Errorf("keeps %d bytes (%v)", len(tail), err)
	}
	if shown.Len() < 200000+90000*11 {
		t.Errorf("shows %d bytes", shown.Len())
	}
}

// TestRunLeavesDaemons holds that a program succeeds whatever it leaves running.
func TestRunLeavesDaemons(t *testing.T) {
	command.SetOutputGrace(t, 50*time.Millisecond)
	var pid bytes.Buffer
	c := sh("sleep 600 >&2 & echo $!")
	c.Stdout = &pid
	tail, err := (&command.Log{Out: io.Discard}).Run(t.Context(), c)
	if n, bad := strconv.Atoi(strings.TrimSpace(pid.String())); bad != nil {
		t.Errorf("no daemon was started: %v", bad)
	} else {
		_ = syscall.Kill(n, syscall.SIGKILL)
	}
	if err != nil || len(tail) > 0 {
		t.Errorf("got %q, %v", tail, err)
	}
}

func TestRunErrors(t *testing.T) {
	t.Parallel()
	log := &command.Log{Out: &bytes.Buffer{}}
	_, err := log.Run(t.Context(), sh("echo wrong; exit 3"))
	f, ok := errors.AsType[*command.Failure](err)
	if !ok || f.Status != "exit status 3" || string(f.Tail) != "wrong\n" ||
		err.Error() != "`tool` failed (exit status 3)" {
		t.Errorf("got %v", err)
	}
	_, err = log.Run(t.Context(), sh("echo 'write: No space left on device'; exit 3"))
	if d, ok := errors.AsType[*diagnosis.Diagnosis](err); !ok || d.ID != "disk/full" || !d.Transient {
		t.Errorf("a full disk is %v", err)
	}
	c := sh("")
	c.Program = "/nowhere/tool"
	if _, err := log.Run(t.Context(), c); err == nil || !errors.Is(err, os.ErrNotExist) ||
		!strings.HasPrefix(err.Error(), `running "tool": `) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Run(ctx, sh("exit 0")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestRunSteps holds how commands are started that may use the network and those that may not, and what the
// failure of one without it says.
func TestRunSteps(t *testing.T) {
	t.Parallel()
	var shown bytes.Buffer
	offline := command.Step{Prefix: []string{"/usr/bin/env", "STEP=offline"}, Hint: "offline"}
	log := &command.Log{Out: &shown, Offline: offline}
	if !log.Separates() || (&command.Log{Online: log.Offline, Offline: log.Offline}).Separates() {
		t.Error("the network is for one kind of commands only where just the other has a hint")
	}
	timeout := []diagnosis.Pattern{{
		ID: "x/network", Match: regexp.MustCompile("timeout"),
		Make: diagnosis.Fixed(diagnosis.Diagnosis{Summary: "No answer.", Transient: true}),
	}}
	for _, tt := range []struct {
		offline bool
		id      string
		hints   []string
	}{
		{false, "x/network", nil},
		{true, "x/failed", []string{"it said: timeout", "offline"}},
	} {
		c := sh(`echo "step ${STEP:-online}"; echo timeout; exit 1`)
		c.Offline, c.Drop = tt.offline, func(line string) bool { return line == "timeout" }
		_, err := log.Run(t.Context(), c)
		d, _ := errors.AsType[*diagnosis.Diagnosis](command.Explain(err, timeout, command.Unknown{
			ID: "x/failed", Noise: func(line string) bool { return strings.HasPrefix(line, "step") },
		}))
		if d == nil || d.ID != tt.id || !slices.Equal(d.Hints, tt.hints) {
			t.Errorf("offline is %t: %+v", tt.offline, d)
		}
	}
	if want := "       step online\n       step offline\n"; shown.String() != want {
		t.Errorf("shows %q, want %q", shown.String(), want)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	known := []diagnosis.Pattern{
		{ID: "x/known", Match: regexp.MustCompile("odd"), Make: diagnosis.Fixed(diagnosis.Diagnosis{Summary: "Odd."})},
	}
	unknown := command.Unknown{
		ID:     "x/failed",
		Hints:  []string{"do so"},
		Memory: "give it more",
		Noise:  func(line string) bool { return strings.HasPrefix(line, "at ") },
	}
	failed := func(hints ...string) diagnosis.Diagnosis {
		return diagnosis.Diagnosis{ID: "x/failed", Summary: "`tool` failed (exit status 9).", Hints: hints}
	}
	killed := diagnosis.Diagnosis{
		ID:      "x/out-of-memory",
		Summary: "`tool` was killed, most likely because memory ran out.",
		Hints:   []string{"give it more"},
	}
	for _, tt := range []struct {
		status, tail string
		want         diagnosis.Diagnosis
	}{
		{"exit status 1", "how odd\n", diagnosis.Diagnosis{ID: "x/known", Summary: "Odd."}},
		{
			"exit status 9", "one\n\ntwo\n at f\nthree\nfour\nfive\nsix\n",
			failed("do so", "it said: two", "it said: three", "it said: four", "it said: five", "it said: six"),
		},
		{"exit status 9", strings.Repeat("é", 200), failed("do so", "it said: "+strings.Repeat("é", 150)+"…")},
		{"signal: killed", "", killed},
		{"exit status 137", "Killed\n", killed},
	} {
		failure := &command.Failure{Command: "tool", Status: tt.status, Tail: []byte(tt.tail)}
		err := command.Explain(failure, known, unknown)
		d, _ := errors.AsType[*diagnosis.Diagnosis](err)
		if diff := cmp.Diff(&tt.want, d); diff != "" {
			t.Errorf("%s %.20q (-want +got):\n%s", tt.status, tt.tail, diff)
		}
	}
	other := errors.New("disk")
	if err := command.Explain(other, known, unknown); !errors.Is(err, other) ||
		command.Explain(nil, known, unknown) != nil {
		t.Errorf("got %v", err)
	}
}
