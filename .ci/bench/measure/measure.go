// Package measure runs a command and says what it cost: the time until it ended, or until it
// answered; the CPU seconds of the command and of all that it started; the peak memory of some of
// these processes; and what they wrote.
//
//	func main() {
//		measure.Main()
//		sample, err := measure.Run(ctx, measure.Command{Args: []string{"npm", "ci"}, Dir: app})
//	}
//
// Each command has a process of its own above it, this same program again. That process is the
// "child subreaper" of all that the command starts (prctl(2)), so also what a daemon or a deletion
// in the background costs is counted, once that has ended: the CPU seconds are those of wait4(2)
// and getrusage(2), for the whole tree. A cgroup would count the same, but needs root, and slugc
// puts what it starts into groups of its own. Only processes that are reaped by nobody, because
// their parent ignores SIGCHLD, are left out.
package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Command is what is measured.
type Command struct {
	Args []string
	Dir  string
	Env  []string // nil for that of this process
	// Own is the program whose processes' memory is sampled, "" for none.
	Own string
	// Answer is a URL. If it is set, the command is a server: the time is over when the URL answers
	// with 200, and the command is then asked to end by SIGTERM.
	Answer string
}

// Sample is what one run of a command cost.
type Sample struct {
	Wall float64 `json:"wall_seconds"`
	// CPU is user and system time of the whole process tree. It includes what went on after Wall.
	CPU float64 `json:"cpu_seconds"`
	// Peak is the most memory that any one of the own processes has had resident (VmHWM of proc(5),
	// sampled), in bytes. 0 if none was seen. The processes of a tool, such as npm, are not slugc's,
	// and a group's memory.peak would count these and the page cache too.
	Peak int64 `json:"peak_bytes,omitempty"`
	// Largest is the most memory of any process of the tree, in bytes.
	Largest int64 `json:"largest_process_bytes"`
	// Written is what the command and what it waited for have written by write(2) and its like, pipes
	// included, in bytes.
	Written int64 `json:"written_bytes"`

	Stdout []byte `json:"-"`
}

// Run runs a command to its end. An exit code other than 0 is an error, which has the end of what
// the command printed, unless it is a server that has answered.
func Run(ctx context.Context, c Command) (Sample, error) {
	spec, err := json.Marshal(c)
	if err != nil {
		return Sample{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return Sample{}, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return Sample{}, err
	}
	defer read.Close()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, self, argMeasure, string(spec))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, &stdout, &stderr
	cmd.ExtraFiles = []*os.File{write}
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		return Sample{}, err
	}
	var s Sample
	errReport := json.NewDecoder(read).Decode(&s)
	if err := cmd.Wait(); err != nil {
		return s, fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, tail(stderr.String()+stdout.String()))
	}
	s.Stdout = stdout.Bytes()
	return s, errReport
}

// tail is the end of a text.
func tail(text string) string {
	const most = 4000
	return text[max(0, len(text)-most):]
}
