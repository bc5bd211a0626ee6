package push

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Process identifies a process of this machine: a later one with the same pid has another start
// time.
type Process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after the boot (proc(5), /proc/pid/stat, field 22)
	Boot  string `json:"boot"`  // the boot's id
}

// errGone says that a process has ended.
var errGone = errors.New("the process has ended")

// inspectProcess identifies the running process with this pid, and returns its parent's pid.
func inspectProcess(pid int) (p Process, parent int, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, 0, errGone
	}
	// The second field, the program's name in parentheses, may hold anything.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 20 {
		return p, 0, fmt.Errorf("reading /proc/%d/stat: unexpected form", pid)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return p, 0, errGone
	}
	parent, perr := strconv.Atoi(fields[1])
	start, serr := strconv.ParseUint(fields[19], 10, 64)
	boot, berr := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return Process{PID: pid, Start: start, Boot: strings.TrimSpace(string(boot))}, parent, errors.Join(perr, serr, berr)
}

// Alive reports whether the process still runs. A zombie does not.
func (p Process) Alive() bool {
	now, _, err := inspectProcess(p.PID)
	return err == nil && now == p
}

// FindReceivePack finds the git receive-pack that runs the hook of process pid: its parent, or an
// ancestor if there are scripts in between.
func FindReceivePack(pid int) (Process, error) {
	for range 16 {
		_, parent, err := inspectProcess(pid)
		if err != nil || parent <= 1 {
			break
		}
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", parent))
		if err != nil {
			break
		}
		if isReceivePack(strings.Split(string(args), "\x00")) {
			p, _, err := inspectProcess(parent)
			return p, err
		}
		pid = parent
	}
	return Process{}, errGone
}

// isReceivePack reports whether a command line is `git-receive-pack …` or `git … receive-pack …`.
func isReceivePack(args []string) bool {
	return filepath.Base(args[0]) == "git-receive-pack" || slices.Contains(args[1:], "receive-pack")
}

// otherReceivePack reports whether another receive-pack than the one with this pid may work in the
// repository: receive-pack's working directory is the repository.
func otherReceivePack(dir string, self int) (bool, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return false, fmt.Errorf("looking for other pushes: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == self {
			continue
		}
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || !isReceivePack(strings.Split(string(args), "\x00")) {
			continue
		}
		// A process that may not be inspected may work here.
		if at, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); at == dir ||
			err != nil && !errors.Is(err, os.ErrNotExist) {
			return true, nil
		}
	}
	return false, nil
}
