package language

import (
	_ "embed"
	"strings"
)

//go:embed memory.sh
var memory string

// Cgroups are where a process finds the limits it runs under.
type Cgroups struct {
	Root string // "/sys/fs/cgroup"
	Self string // "/proc/self/cgroup"
}

// System is where they are on every Linux.
var System = Cgroups{Root: "/sys/fs/cgroup", Self: "/proc/self/cgroup"}

// MemoryLimit is a piece of shell for launch scripts: it sets the variable least to the memory in
// bytes that the process may use, by cgroups of version 2 and 1, or to nothing where there is no
// limit. It uses other variables besides, and belongs into a subshell.
func (c Cgroups) MemoryLimit() string {
	return strings.NewReplacer("@CGROUP@", c.Root, "@SELF@", c.Self).Replace(memory)
}
