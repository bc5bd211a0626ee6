package measure

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Samples of memory are taken often at the start, where a short command has its peak.
const (
	earlyInterval = time.Millisecond
	interval      = 10 * time.Millisecond
	early         = 50 * time.Millisecond
)

// sampler looks at the memory of a tree's own processes until it is ended.
type sampler struct {
	own  os.FileInfo // of the program, nil to look at nothing
	root int
	peak int64
	stop chan struct{}
	done sync.WaitGroup
}

// watch starts to look at the processes of the program own among the process root and those below it.
func watch(root int, own string) *sampler {
	s := &sampler{root: root, stop: make(chan struct{})}
	if own == "" {
		return s
	}
	info, err := os.Stat(own)
	if err != nil {
		return s
	}
	s.own = info
	s.done.Go(func() {
		start, wait := time.Now(), earlyInterval
		for {
			s.look(s.root)
			if time.Since(start) > early {
				wait = interval
			}
			select {
			case <-s.stop:
				return
			case <-time.After(wait):
			}
		}
	})
	return s
}

// end returns the peak, in bytes.
func (s *sampler) end() int64 {
	close(s.stop)
	s.done.Wait()
	return s.peak
}

// look takes the memory of a process, if it is an own one, and of those below it. What others than
// own processes and their sandbox start is not searched: to list npm's processes costs more than all
// the rest.
func (s *sampler) look(pid int) {
	exe := fmt.Sprintf("/proc/%d/exe", pid)
	info, err := os.Stat(exe) // also where the process has a view of its own
	own := err == nil && os.SameFile(info, s.own)
	if own {
		s.peak = max(s.peak, highWater(pid))
	} else if name, _ := os.Readlink(exe); !strings.HasSuffix(name, "/bwrap") && pid != s.root {
		return
	}
	for _, child := range children(pid) {
		s.look(child)
	}
}

// highWater is the most memory that a process has had resident, in bytes.
func highWater(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "\nVmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kilobytes, _ := strconv.ParseInt(number, 10, 64)
	return kilobytes << 10
}

// children are the processes that any thread of a process has started.
func children(pid int) (pids []int) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil
	}
	for _, thread := range threads {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, thread.Name()))
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(data)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}
