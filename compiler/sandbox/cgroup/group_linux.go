package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Group is one group, in as many hierarchies as it needs. Its methods may be called concurrently.
type Group struct {
	v2      string            // its directory, "" for none
	limited bool              // v2 has the controllers
	v1      map[string]string // its directory by controller
	locks   []*os.File
}

// attempts is how often a name is tried: another process may remove a group before this one holds it. Where
// many processes make groups at once, that happens every few times.
const attempts = 100

// New makes a group with these limits. It returns nil where no group can be made.
func (h *Hierarchy) New(l Limits) (*Group, error) {
	if h.v2 == "" && len(h.v1) == 0 {
		return nil, nil
	}
	h.sweep()
	var err error
	for range attempts {
		var g *Group
		if g, err = h.make(prefix+strconv.FormatUint(uint64(rand.Uint32()), 10), l); err == nil {
			return g, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return nil, fmt.Errorf("making a control group: %w", err)
}

func (h *Hierarchy) make(name string, l Limits) (*Group, error) {
	g := &Group{limited: slices.Contains(h.controllers, "memory"), v1: map[string]string{}}
	err := h.makeDirs(g, name)
	if err == nil {
		err = g.limit(l)
	}
	if err != nil {
		g.Remove()
		return nil, err
	}
	return g, nil
}

// makeDirs makes the group's directories and holds them.
func (h *Hierarchy) makeDirs(g *Group, name string) error {
	made := map[string]bool{} // controllers may share a hierarchy
	for _, controller := range append([]string{""}, wanted...) {
		parent := h.v1[controller]
		if controller == "" {
			parent = h.v2
		}
		if parent == "" {
			continue
		}
		dir := filepath.Join(parent, name)
		if !made[dir] {
			if err := os.Mkdir(dir, 0o755); err != nil {
				return err
			}
			made[dir] = true
		}
		if controller == "" {
			g.v2 = dir
		} else {
			g.v1[controller] = dir
		}
		held, err := os.Open(dir)
		if err != nil {
			return err
		}
		g.locks = append(g.locks, held)
		if err := unix.Flock(int(held.Fd()), unix.LOCK_SH); err != nil {
			return err
		}
		// Another process may have removed it in between.
		if _, err := os.Stat(dir); err != nil {
			return err
		}
	}
	return nil
}

// limit writes the limits. A controller may lack a file, such as those about swap.
func (g *Group) limit(l Limits) error {
	type setting struct {
		dir, file, value string
		optional         bool
	}
	var list []setting
	memory, pids := strconv.FormatInt(l.Memory, 10), strconv.FormatInt(l.Processes, 10)
	if g.limited {
		list = append(list, setting{g.v2, "cpu.weight", weightV2, true})
		if l.Memory > 0 {
			list = append(
				list,
				setting{g.v2, "memory.max", memory, false},
				setting{g.v2, "memory.oom.group", "1", true},
			)
		}
		if l.Memory > 0 && l.Memory < totalMemory() {
			list = append(list, setting{g.v2, "memory.swap.max", "0", true})
		}
		if l.Processes > 0 {
			list = append(list, setting{g.v2, "pids.max", pids, false})
		}
	}
	if dir := g.v1["cpu"]; dir != "" {
		list = append(list, setting{dir, "cpu.shares", sharesV1, true})
	}
	if dir := g.v1["memory"]; dir != "" && l.Memory > 0 {
		list = append(list, setting{dir, "memory.limit_in_bytes", memory, false},
			setting{dir, "memory.memsw.limit_in_bytes", memory, true})
	}
	if dir := g.v1["pids"]; dir != "" && l.Processes > 0 {
		list = append(list, setting{dir, "pids.max", pids, false})
	}
	for _, s := range list {
		if err := write(s.dir, s.file, s.value); err != nil && !s.optional {
			return err
		}
	}
	return nil
}

// totalMemory returns the machine's memory in bytes. A larger limit counts on swap, for which version 2 has a
// limit of its own.
func totalMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// Join says how a process gets into the group.
func (g *Group) Join() Join {
	j := Join{V2: g.v2}
	for _, controller := range wanted {
		if dir := g.v1[controller]; dir != "" && !slices.Contains(j.V1, dir) {
			j.V1 = append(j.V1, dir)
		}
	}
	return j
}

// Usage reads what the group has used. What cannot be read is 0.
func (g *Group) Usage() Usage {
	var u Usage
	if g.limited {
		u.Memory = max(number(g.v2, "memory.peak"), number(g.v2, "memory.current"))
		u.Processes = number(g.v2, "pids.current")
		u.OutOfMemory = field(g.v2, "memory.events", "oom_kill") > 0
		u.OutOfProcesses = field(g.v2, "pids.events", "max") > 0
	}
	if dir := g.v1["memory"]; dir != "" {
		u.Memory = number(dir, "memory.max_usage_in_bytes")
		u.OutOfMemory = field(dir, "memory.oom_control", "oom_kill") > 0
	}
	if dir := g.v1["pids"]; dir != "" {
		u.Processes = number(dir, "pids.current")
		u.OutOfProcesses = field(dir, "pids.events", "max") > 0
	}
	return u
}

// Remove removes the group, which has no processes, and lets go of it. What cannot be removed, the next New
// removes.
func (g *Group) Remove() {
	g.Join().Remove()
	for _, f := range g.locks {
		f.Close()
	}
}

// sweep removes groups that nobody holds.
func (h *Hierarchy) sweep() {
	for _, parent := range append([]string{h.v2, h.v1["memory"]}, h.v1["pids"], h.v1["cpu"]) {
		if parent == "" {
			continue
		}
		left, _ := filepath.Glob(filepath.Join(parent, prefix+"[0-9]*"))
		for _, dir := range left {
			f, err := os.Open(dir)
			if err != nil {
				continue
			}
			if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
				_ = unix.Rmdir(dir) // fails as long as there are processes
			}
			f.Close()
		}
	}
}

// number reads a file that is one number.
func number(dir, file string) int64 {
	data, _ := os.ReadFile(filepath.Join(dir, file))
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64)
	return n
}

// field reads a number from a file of lines of a name and a number.
func field(dir, file, name string) int64 {
	data, _ := os.ReadFile(filepath.Join(dir, file))
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}
