package supervise

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// Descendants returns the ids of all living processes that descend from pid, without pid itself. It reads
// /proc and may miss a process that is forked meanwhile: callers that end processes call it again until
// there are none.
func Descendants(pid int) []int { return living(pid, true) }

// living returns the living children of pid, or all its living descendants.
func living(pid int, all bool) []int {
	children := map[int][]int{}
	dead := map[int]bool{}
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		id, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		parent, state, ok := parentOf(name)
		if !ok {
			continue
		}
		children[parent] = append(children[parent], id)
		dead[id] = state == 'Z' || state == 'X'
	}
	var found []int
	for queue := children[pid]; len(queue) > 0; queue = queue[1:] {
		if !dead[queue[0]] {
			found = append(found, queue[0])
		}
		if all {
			queue = append(queue, children[queue[0]]...)
		}
	}
	return found
}

// parentOf reads the parent and the state of the process called name in /proc.
func parentOf(name string) (parent int, state byte, ok bool) {
	stat, err := os.ReadFile("/proc/" + name + "/stat")
	if err != nil {
		return 0, 0, false
	}
	return parseStat(stat)
}

// parseStat reads the parent and the state in the content of /proc/PID/stat, proc_pid_stat(5). The
// program's name stands in parentheses, and may itself hold parentheses, spaces and newlines.
func parseStat(stat []byte) (parent int, state byte, ok bool) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, 0, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	return parent, fields[0][0], err == nil
}

// SignalDescendants sends sig to all living descendants of pid.
func SignalDescendants(pid int, sig syscall.Signal) {
	for _, id := range Descendants(pid) {
		syscall.Kill(id, sig)
	}
}
