package sandbox

import (
	"time"

	"slugc/compiler/sandbox/cgroup"
	"slugc/compiler/sandbox/supervise"
)

// How often the use of memory, processes and disk is looked at: a control group holds its limits by itself,
// and it only remains to say so. Without one, the look is the limit.
const (
	lookGroup = 100 * time.Millisecond
	lookAlone = 250 * time.Millisecond
)

// nice makes a child give way where no control group does.
const nice = 5

// threadsRoom is how many times its limit a child without a control group may reach until the next look: a
// fork bomb is faster than any look. Other processes of the same user need room too, as the kernel counts
// them together.
const threadsRoom = 2

// bounds is what bounds the resources of one run.
type bounds struct {
	limits  Limits
	group   *cgroup.Group // nil for none
	means   cgroup.Means  // of the group
	root    int           // all processes of the child descend from this one
	volumes *volumes      // nil for none
	found   chan *LimitError
	quit    chan struct{}
}

// bound makes a control group for a run, where there can be one and there is something to bound.
func (s *Sandbox) bound(l Limits) *bounds {
	b := &bounds{limits: l, found: make(chan *LimitError, 1), quit: make(chan struct{})}
	if s.groups == nil || (l.Memory <= 0 && l.Processes <= 0) {
		return b
	}
	// Without a group the limits are still held, by looking.
	if group, err := s.groups.New(cgroup.Limits{Memory: l.Memory, Processes: l.Processes}); err == nil && group != nil {
		b.group, b.means = group, s.groups.Means()
	}
	return b
}

// isolation is how the child is started. It is nil where there is no supervisor.
func (b *bounds) isolation(s *Sandbox) *supervise.Isolation {
	if s.self == "" {
		return nil
	}
	i := &supervise.Isolation{Keyring: true, Scopes: s.level == Bubblewrap}
	if b.group != nil {
		i.Group = b.group.Join()
	}
	if b.means.CPU == "" {
		i.Nice = nice
	}
	if b.means.Processes == "" {
		i.Threads = threadsRoom * b.limits.Processes
	}
	return i
}

// before remembers what the disks of the directories hold before the child is started.
func (b *bounds) before(dirs []string) {
	if b.limits.Disk > 0 || b.limits.KeepFree {
		b.volumes = openVolumes(dirs)
	}
}

// start looks at what the child uses until release is called. The directories were made for the child.
func (b *bounds) start(root int, made []string) {
	b.root = root
	if b.volumes != nil {
		b.volumes.add(made)
	}
	if b.limits.Memory <= 0 && b.limits.Processes <= 0 && b.volumes == nil {
		return
	}
	pause := lookAlone
	if b.group != nil {
		pause = lookGroup
	}
	go func() {
		for {
			select {
			case <-b.quit:
				return
			case <-time.After(pause):
			}
			if e := b.look(); e != nil {
				b.found <- e
				return
			}
		}
	}()
}

// look returns the limit that the child has met.
func (b *bounds) look() *LimitError {
	if e := b.lookGroup(); e != nil {
		return e
	}
	if e := b.lookTree(); e != nil {
		return e
	}
	if b.volumes == nil {
		return nil
	}
	return b.volumes.look(b.limits)
}

// lookGroup asks the kernel whether the group has met a limit.
func (b *bounds) lookGroup() *LimitError {
	if b.group == nil {
		return nil
	}
	u := b.group.Usage()
	switch {
	case u.OutOfMemory:
		return &LimitError{Which: LimitMemory, Used: max(u.Memory, b.limits.Memory), Max: b.limits.Memory}
	case u.OutOfProcesses:
		return &LimitError{Which: LimitProcesses, Used: b.limits.Processes, Max: b.limits.Processes}
	}
	return nil
}

// lookTree counts the processes and the memory of a child where no group does.
func (b *bounds) lookTree() *LimitError {
	memory := b.limits.Memory > 0 && b.means.Memory == ""
	processes := b.limits.Processes > 0 && b.means.Processes == ""
	if !memory && !processes {
		return nil
	}
	pids := supervise.Descendants(b.root)
	if processes {
		if n := supervise.Threads(pids); n > b.limits.Processes {
			return &LimitError{Which: LimitProcesses, Used: n, Max: b.limits.Processes}
		}
	}
	if memory {
		if n := supervise.Memory(pids, b.limits.Memory); n > b.limits.Memory {
			return &LimitError{Which: LimitMemory, Used: n, Max: b.limits.Memory}
		}
	}
	return nil
}

// release stops looking and removes the group. It returns the limit that a child that has failed met just
// before its end.
func (b *bounds) release(failed bool) *LimitError {
	close(b.quit)
	var met *LimitError
	if failed {
		met = b.lookGroup()
	}
	if b.group != nil {
		b.group.Remove()
	}
	return met
}

// Bounds says by what the limits of a child's resources are held on this machine: "cgroup v2", "cgroup v1",
// or "watching" where the processes are only looked at several times a second.
type Bounds struct {
	Memory    string
	Processes string
	CPU       string // "nice" where no group gives way
	Disk      string
}

// Bounds says by what limits are held.
func (s *Sandbox) Bounds() Bounds {
	b := Bounds{Memory: "watching", Processes: "watching", CPU: "nice", Disk: "watching"}
	if s.groups == nil {
		return b
	}
	m := s.groups.Means()
	for by, found := range map[*string]string{&b.Memory: m.Memory, &b.Processes: m.Processes, &b.CPU: m.CPU} {
		if found != "" {
			*by = found
		}
	}
	return b
}
