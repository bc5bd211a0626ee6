package cgroup

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Hierarchy is where this process may make groups. Its state does not change.
type Hierarchy struct {
	v2          string            // the directory to make groups in; "" for none
	controllers []string          // of v2
	v1          map[string]string // the directory by controller, of those that v2 does not have
}

// The controllers that limits need.
var wanted = []string{"memory", "pids", "cpu"}

// Find looks where this process may make groups. It finds nothing on a machine without cgroups, and for
// an ordinary user without a delegated group.
func Find() *Hierarchy { return find("/proc/self/mountinfo", "/proc/self/cgroup") }

func find(mountinfo, own string) *Hierarchy {
	h := &Hierarchy{v1: map[string]string{}}
	mounts, err := os.ReadFile(mountinfo)
	if err != nil {
		return h
	}
	groups, _ := os.ReadFile(own)
	for line := range bytes.Lines(mounts) {
		point, kind, options := parseMount(string(line))
		switch kind {
		case "cgroup2":
			if h.v2 == "" {
				h.v2, h.controllers = parentV2(point, ownPath(string(groups), ""))
			}
		case "cgroup":
			for _, c := range wanted {
				if slices.Contains(options, c) && h.v1[c] == "" {
					h.v1[c] = parentV1(point, ownPath(string(groups), c))
				}
			}
		}
	}
	for c, dir := range h.v1 {
		if dir == "" || slices.Contains(h.controllers, c) {
			delete(h.v1, c)
		}
	}
	return h
}

// parseMount reads the mount point, the type and the options of a line of mountinfo, proc(5).
func parseMount(line string) (point, kind string, options []string) {
	before, after, _ := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if len(left) < 5 || len(right) < 3 {
		return "", "", nil
	}
	return left[4], right[0], strings.Split(right[2], ",")
}

// ownPath returns this process's group of a controller, "" for version 2, from /proc/self/cgroup.
func ownPath(groups, controller string) string {
	for line := range strings.Lines(groups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && slices.Contains(strings.Split(fields[1], ","), controller) {
			return fields[2]
		}
	}
	return "/"
}

// parentV2 returns the nearest directory from this process's group up in which groups can be made that
// have controllers; else one in which groups can only be killed. A group that has processes itself can
// give its children no controllers.
func parentV2(mount, own string) (dir string, controllers []string) {
	for path := filepath.Join("/", own); ; path = filepath.Dir(path) {
		at := filepath.Join(mount, path)
		if writable(at, "cgroup.procs") {
			data, _ := os.ReadFile(filepath.Join(at, "cgroup.subtree_control"))
			has := strings.Fields(string(data))
			if slices.Contains(has, "memory") && slices.Contains(has, "pids") {
				return at, has
			}
			dir = at
		}
		if path == "/" {
			return dir, nil
		}
	}
}

// parentV1 returns this process's own group, or the root of the mount where a namespace hides it.
func parentV1(mount, own string) string {
	for _, at := range []string{filepath.Join(mount, own), mount} {
		if writable(at, "tasks") {
			return at
		}
	}
	return ""
}

func writable(dir, file string) bool {
	return unix.Access(dir, unix.W_OK) == nil && unix.Access(filepath.Join(dir, file), unix.W_OK) == nil
}

// Means says by what each resource is bounded.
func (h *Hierarchy) Means() Means {
	by := func(controller string) string {
		switch {
		case slices.Contains(h.controllers, controller):
			return "cgroup v2"
		case h.v1[controller] != "":
			return "cgroup v1"
		}
		return ""
	}
	return Means{Memory: by("memory"), Processes: by("pids"), CPU: by("cpu")}
}
