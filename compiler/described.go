package compiler

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"slugc/compiler/lifecycle"
	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
	"slugc/detect/descriptor"
)

// describe reads what the app's own files say about its build.
func (b *build) describe(dir, member string) (*descriptor.Descriptor, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the copy of the source: %w", err)
	}
	defer root.Close()
	d, warnings, err := descriptor.Read(root.FS(), member)
	if err != nil {
		return nil, detectFault(err)
	}
	for _, w := range warnings {
		b.Report.Warn(w)
	}
	return d, nil
}

// env is the build configuration: the request's, and below it what the app's files say.
func (b *build) env(s Staged) map[string]string {
	if len(s.Described.Env) == 0 {
		return b.Env
	}
	env := maps.Clone(s.Described.Env)
	maps.Copy(env, b.Env)
	return env
}

// limits are the request's. The app's files may lower them.
func (b *build) limits(s Staged) sandbox.Limits {
	own, l := s.Described.Settings.Limits, b.Limits
	l.Deadline = lower(l.Deadline, time.Duration(own.Timeout))
	l.Idle = lower(l.Idle, time.Duration(own.IdleTimeout))
	l.Memory = lower(l.Memory, int64(own.Memory))
	l.Processes = lower(l.Processes, int64(own.Processes))
	l.Disk = lower(l.Disk, int64(own.Disk))
	return l
}

// sizeLimit is how many bytes the slug may have.
func (b *build) sizeLimit(s Staged) int64 {
	return lower(b.Limit, int64(s.Described.Settings.Limits.Size))
}

// lower returns the lower one of two limits, of which 0 is none.
func lower[T cmp.Ordered](limit, own T) T {
	var none T
	if own == none || limit != none && limit < own {
		return limit
	}
	return own
}

// network is the request's. The app's files may take more away.
func (b *build) network(s Staged) lifecycle.Network {
	order := []lifecycle.Network{lifecycle.FullNetwork, lifecycle.InstallNetwork, lifecycle.NoNetwork}
	asked := slices.Index(order, lifecycle.Network(s.Described.Settings.Network))
	return order[max(asked, slices.Index(order, b.Network), 0)]
}

// stack is what buildpacks are told of where the slug will run: the request's, the app's, or this machine.
func (b *build) stack(s Staged) string {
	machine := b.Target.DistroName
	if b.Target.DistroVersion != "" {
		machine = fmt.Sprintf("%s-%s", machine, b.Target.DistroVersion)
	}
	return cmp.Or(b.Stack, s.Described.Settings.Stack, machine)
}

// ownProcesses are the process types in project.toml, by name.
func (s Staged) ownProcesses() (list []procfile.Process) {
	for _, name := range slices.Sorted(maps.Keys(s.Described.Settings.Processes)) {
		list = append(list, procfile.Process{Type: name, Command: s.Described.Settings.Processes[name]})
	}
	return list
}
