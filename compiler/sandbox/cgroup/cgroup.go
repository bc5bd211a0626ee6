// Package cgroup bounds the memory, the processes and the share of the processor of one child with all
// that it starts, by control groups of version 2 or 1 (cgroups(7)), wherever this process may make them:
// as root, or below a group that was delegated to its user, as systemd does for services of a user.
//
//	group, err := cgroup.Find().New(cgroup.Limits{Memory: 2e9, Processes: 4096})
//	defer group.Remove()
//	// start the child in group.Join()
//	usage := group.Usage() // has a limit been met?
//
// A group is a directory called slugc-NUMBER that its maker holds a lock on (flock(2)). [Hierarchy.New]
// removes those that nobody holds: they are left when slugc was killed together with its supervisor.
package cgroup

// Limits are those of one group. Zero means no limit.
type Limits struct {
	Memory    int64 // bytes, swap included
	Processes int64 // threads too, as the kernel counts them
}

// Usage is what a group has used.
type Usage struct {
	Memory         int64 // bytes: the most so far
	Processes      int64 // now
	OutOfMemory    bool  // the kernel has killed a process of the group because of its limit
	OutOfProcesses bool  // a process could not be started because of the limit
}

// Join says how a process gets into a group: the thread that starts it enters the directories V1, by its id
// in their files tasks, and it is made in the directory V2 (CLONE_INTO_CGROUP in clone(2)). Either may be
// empty.
type Join struct {
	V1 []string `json:"v1,omitempty"`
	V2 string   `json:"v2,omitempty"`
}

// Means says by what each resource is bounded: "cgroup v2", "cgroup v1", or "" where there is no group.
type Means struct {
	Memory    string
	Processes string
	CPU       string
}

// The share of the processor that a group has, against 100 (version 2) and 1024 (version 1) of others: a
// build gives way to what the machine serves.
const (
	weightV2 = "50"
	sharesV1 = "512"
)

const prefix = "slugc-"
