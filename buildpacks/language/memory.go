package language

import (
	_ "embed"
	"strings"
)

//go:embed memory.sh
var memory string

// Cgroups says where a process finds the limits it runs under.
type Cgroups struct {
	Root string // "/sys/fs/cgroup"
	Self string // "/proc/self/cgroup"
}

// System is where they are on Linux.
var System = Cgroups{Root: "/sys/fs/cgroup", Self: "/proc/self/cgroup"}

// MemoryLimit returns a piece of shell for launch scripts. It sets the variable least to the memory
// in bytes that the process may use, by cgroups of version 2 and 1, or to nothing where there is no
// limit. It sets other variables too, so run it in a subshell.
func (c Cgroups) MemoryLimit() string {
	return strings.NewReplacer("@CGROUP@", c.Root, "@SELF@", c.Self).Replace(memory)
}
