package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/sandbox/cgroup"
)

// memory is what a probe has found. A probe runs a child as a build would, which takes a good part of
// the time of a rebuild.
type memory struct {
	Machine   digest.Digest `json:"machine"` // of everything that decides the answer
	Level     Level         `json:"level"`
	Reason    string        `json:"reason,omitempty"`
	Bwrap     string        `json:"bwrap,omitempty"`
	NoNesting bool          `json:"no_nesting,omitempty"`
	Groups    bool          `json:"groups,omitempty"` // control groups can be made and entered
}

const (
	maxMemory = 64 << 10       // bytes of the file
	memoryAge = 24 * time.Hour // how long it is believed
)

// deciding are the files whose text decides what a child can be kept from: the boot, since which the
// kernel is the same, what the kernel permits ordinary users, and what this process itself may do.
var deciding = []string{
	"/proc/sys/kernel/random/boot_id", "/proc/sys/user/max_user_namespaces", "/proc/sys/user/max_net_namespaces",
	"/proc/sys/kernel/unprivileged_userns_clone", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
	"/proc/self/attr/current", "/proc/self/uid_map", "/proc/self/cgroup",
}

// machine identifies everything that decides what a probe finds.
func (o ProbeOptions) machine() digest.Digest {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %d %d\n", o.Want, o.Self, o.Temp, os.Getuid(), os.Getgid())
	for _, file := range deciding {
		text, err := os.ReadFile(file)
		fmt.Fprintf(&b, "%s %q %v\n", file, text, err)
	}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "CapEff", "CapBnd", "NoNewPrivs", "Seccomp":
			b.WriteString(line)
		}
	}
	for _, program := range append(o.candidates(), o.Self) {
		if info, err := os.Stat(program); err == nil {
			fmt.Fprintf(&b, "%s %v %d %d\n", program, info.Mode(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return digest.Of([]byte(b.String()))
}

// candidates are where bubblewrap is looked for.
func (o ProbeOptions) candidates() []string {
	if o.Bwrap != "" {
		return []string{o.Bwrap}
	}
	return []string{"/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"}
}

// recall returns the sandbox that an earlier probe of the same machine has found, or nil.
func (o ProbeOptions) recall() *Sandbox {
	if o.Memory == "" {
		return nil
	}
	if info, err := os.Stat(o.Memory); err != nil || time.Since(info.ModTime()) > memoryAge {
		return nil
	}
	data, err := disk.ReadRegular(o.Memory, maxMemory)
	var m memory
	if err != nil || json.Unmarshal(data, &m) != nil || m.Machine != o.machine() {
		return nil
	}
	s := &Sandbox{
		level: m.Level, reason: m.Reason, bwrap: m.Bwrap, noNesting: m.NoNesting, self: o.Self, temp: o.Temp,
	}
	if m.Groups {
		s.groups = cgroup.Find()
	}
	closeInherited()
	return s
}

// remember keeps what a probe has found. Where it cannot be kept, the next build probes again.
func (o ProbeOptions) remember(s *Sandbox) {
	if o.Memory == "" {
		return
	}
	data, err := json.Marshal(memory{o.machine(), s.level, s.reason, s.bwrap, s.noNesting, s.groups != nil})
	if err == nil {
		_ = disk.WriteFile(o.Memory, data, 0o600)
	}
}
