package command

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"slugc/buildpacks/diagnosis"
)

// waitPoll is how often the processes of a command are looked at.
const waitPoll = time.Second

// watch notes in the report, until ended is closed, whether a command waits on the network: if the platform
// stops a silent build, the note tells it why. Without /proc it notes nothing.
func (l *Log) watch(pid int, c Command, ended <-chan struct{}) {
	noted := false
	defer func() {
		if noted {
			_ = os.Remove(l.Report)
		}
	}()
	for {
		select {
		case <-ended:
			return
		case <-time.After(waitPoll):
		}
		switch waits := waitsOnNetwork(pid); {
		case waits && !noted:
			noted = diagnosis.Write(l.Report, &diagnosis.Diagnosis{
				ID: c.Network, Transient: true, Waiting: true,
				Summary: fmt.Sprintf("`%s` waits on %s.", c.Shown, cmp.Or(c.Asks, "the network")),
				Hints:   []string{"try again; if it persists, check the registry and proxy settings"},
			}) == nil
		case !waits && noted:
			noted = os.Remove(l.Report) != nil
		}
	}
}

// waitsOnNetwork reports whether a process or, where it has children, one of the last of its descendants has
// a TCP connection that is open or being opened (proc(5), proc_pid_net(5)).
func waitsOnNetwork(pid int) bool {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, _ := os.ReadFile(file)
		_, rest, _ := strings.Cut(string(text[max(0, strings.LastIndexByte(string(text), ')')):]), ") ")
		fields := strings.Fields(rest)
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || len(fields) < 2 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], child)
	}
	queue := []int{pid}
	for len(queue) > 0 {
		p := queue[0]
		queue = append(queue[1:], children[p]...)
		if len(children[p]) == 0 && hasConnection(p) {
			return true
		}
	}
	return false
}

// hasConnection reports whether a process itself has such a connection.
func hasConnection(pid int) bool {
	dir := fmt.Sprintf("/proc/%d/", pid)
	entries, _ := os.ReadDir(dir + "fd")
	var sockets []string
	for _, entry := range entries {
		target, _ := os.Readlink(dir + "fd/" + entry.Name())
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			sockets = append(sockets, strings.TrimSuffix(inode, "]"))
		}
	}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		text, _ := os.ReadFile(dir + table)
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && (f[3] == "01" || f[3] == "02") && slices.Contains(sockets, f[9]) {
				return true
			}
		}
	}
	return false
}
