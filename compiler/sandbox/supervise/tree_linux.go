package supervise

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
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

// forbidForks keeps the living descendants of pid from starting processes, so that a fork bomb cannot outrun
// its end. The limit does not bind root, whose builds are in a control group.
func forbidForks(pid int) {
	for _, id := range Descendants(pid) {
		_ = unix.Prlimit(id, unix.RLIMIT_NPROC, &unix.Rlimit{}, nil)
	}
}

// Threads returns how many threads the processes have together, which is what RLIMIT_NPROC and control groups
// count.
func Threads(pids []int) (n int64) {
	for _, pid := range pids {
		n += threadsOf("/proc/" + strconv.Itoa(pid))
	}
	return n
}

// threadsOf counts the directories in dir/task, proc(5): a directory has two links more than directories in it.
func threadsOf(dir string) int64 {
	var s unix.Stat_t
	if unix.Stat(dir+"/task", &s) != nil {
		return 0
	}
	return max(int64(s.Nlink)-2, 0)
}

// threadsOfUser returns how many threads the processes of a user have.
func threadsOfUser(uid uint32) (n int64) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		var s unix.Stat_t
		if unix.Stat(dir, &s) == nil && s.Uid == uid {
			n += threadsOf(dir)
		}
	}
	return n
}

// Memory returns how many bytes of memory the processes use together. What several processes share counts
// once if that decides whether it is more than limit: to find out takes longer.
func Memory(pids []int, limit int64) int64 {
	if n := sum(pids, residentSize); n <= limit {
		return n
	}
	return sum(pids, proportionalSize)
}

func sum(pids []int, size func(dir string) int64) (total int64) {
	for _, pid := range pids {
		total += size("/proc/" + strconv.Itoa(pid))
	}
	return total
}

// residentSize reads statm, proc_pid_statm(5): its second field counts resident pages.
func residentSize(dir string) int64 {
	data, _ := os.ReadFile(dir + "/statm")
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// proportionalSize reads the line "Pss: N kB" of smaps_rollup, proc_pid_smaps(5), in which a shared page
// counts as its part. Where it cannot be read, the process counts whole.
func proportionalSize(dir string) int64 {
	data, err := os.ReadFile(dir + "/smaps_rollup")
	for line := range bytes.Lines(data) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == "Pss:" {
			n, _ := strconv.ParseInt(string(fields[1]), 10, 64)
			return n << 10
		}
	}
	if err != nil {
		return residentSize(dir)
	}
	return 0
}
