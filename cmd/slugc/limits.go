package main

import (
	"fmt"
	"runtime"
	"strconv"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/sandbox"
)

// resourceFlags are the limits of what a build uses, as they are written; "" is the default.
type resourceFlags struct{ memory, pids, disk string }

func (r *resourceFlags) flags(flags *pflag.FlagSet) {
	flags.StringVar(&r.memory, "memory", "",
		"most memory a buildpack may use (default $SLUGC_MEMORY, else 7/8 of the machine's; 0 is no limit)")
	flags.StringVar(&r.pids, "pids", "",
		"most processes and threads (default $SLUGC_PIDS, else 4096, or 256 a processor; 0 is no limit)")
	flags.StringVar(&r.disk, "disk", "",
		"most bytes it may write (default $SLUGC_DISK, else a twentieth of the disk stays free; 0 is no limit)")
}

// resources fills in the limits: r, else the environment, else defaults that a build meets only when it
// would take the machine from others.
func (c *cli) resources(limits sandbox.Limits, r resourceFlags) (sandbox.Limits, error) {
	limits.Memory, limits.Processes, limits.KeepFree = defaultMemory(), defaultProcesses(), true
	if s := firstOf(r.memory, c.env.vars["SLUGC_MEMORY"]); s != "" {
		size, err := parseSize(s)
		if err != nil {
			return limits, err
		}
		limits.Memory = size
	}
	if s := firstOf(r.pids, c.env.vars["SLUGC_PIDS"]); s != "" {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil || n < 0 {
			return limits, fault.UsageError("usage/flag",
				fmt.Errorf("reading the limit of processes %q: it is not a number", s), "write 4096; 0 is no limit")
		}
		limits.Processes = n
	}
	if s := firstOf(r.disk, c.env.vars["SLUGC_DISK"]); s != "" {
		size, err := parseSize(s)
		if err != nil {
			return limits, err
		}
		limits.Disk, limits.KeepFree = size, size > 0
	}
	return limits, nil
}

// networkFlag adds the flag of what has the network.
func (c *cli) networkFlag(flags *pflag.FlagSet) {
	flags.StringVar(&c.network, "network", "",
		"what has the network: full, install (not the app's scripts) or none (default $SLUGC_NETWORK, else full)")
}

// networkMode is what has the network in a build: the flag or a hook's setting, else the environment.
func (c *cli) networkMode() (lifecycle.Network, error) {
	mode := lifecycle.Network(firstOf(c.network, c.env.vars["SLUGC_NETWORK"], string(lifecycle.FullNetwork)))
	switch mode {
	case lifecycle.FullNetwork, lifecycle.InstallNetwork, lifecycle.NoNetwork:
		return mode, nil
	}
	return "", fault.UsageError("usage/network", fmt.Errorf("choosing what has the network: there is no %q", mode),
		"use full, install or none")
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// defaultMemory is 7/8 of the machine's memory and swap: what is left lets slugc, and who administers the
// machine, go on.
func defaultMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram+info.Totalswap) * int64(info.Unit) / 8 * 7
}

// Parallel compilers and bundlers have some ten threads a process, and as many processes as processors.
const (
	leastProcesses        = 4096
	processesPerProcessor = 256
)

func defaultProcesses() int64 {
	return max(leastProcesses, processesPerProcessor*int64(runtime.NumCPU()))
}
