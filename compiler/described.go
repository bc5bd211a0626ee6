package compiler

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"slugc/compiler/lifecycle"
	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
	"slugc/detect/descriptor"
)

// Described is what the app's own files say about its build.
type Described struct {
	descriptor.Descriptor
	Warnings []string // sentences for people
}

// Describe reads what the files of the app in the directory member of files say about its build. When ctx ends, it
// returns the cause at once.
func Describe(ctx context.Context, files fs.FS, member string) (Described, error) {
	return awaited(ctx, func() (d Described, err error) {
		read, warnings, err := descriptor.Read(files, member)
		if err == nil {
			d = Described{*read, warnings}
		}
		return d, detectFault(err)
	})
}

// Names lists the buildpacks that the files name, for people.
func (d Described) Names() (names []string) {
	for _, use := range slices.Concat(d.Pre, d.Buildpacks, d.Post) {
		names = append(names, cmp.Or(use.Ref, use.ID, "a script at "+use.Place))
	}
	return names
}

// describe is [Describe], and reports the warnings.
func (b *build) describe(ctx context.Context, files fs.FS, member string) (Described, error) {
	d, err := Describe(ctx, files, member)
	for _, w := range d.Warnings {
		b.Report.Warn(w)
	}
	return d, err
}

// env is the build configuration: the request's, and below it what the app's files say.
func (b *build) env(d Described) map[string]string {
	if len(d.Env) == 0 {
		return b.Env
	}
	env := maps.Clone(d.Env)
	maps.Copy(env, b.Env)
	return env
}

// limits are the request's. The app's files may lower them.
func (b *build) limits(d Described) sandbox.Limits {
	own, l := d.Settings.Limits, b.Limits
	l.Deadline = lower(l.Deadline, time.Duration(own.Timeout))
	l.Idle = lower(l.Idle, time.Duration(own.IdleTimeout))
	l.Memory = lower(l.Memory, int64(own.Memory))
	l.Processes = lower(l.Processes, int64(own.Processes))
	l.Disk = lower(l.Disk, int64(own.Disk))
	return l
}

// sizeLimit is how many bytes the slug may have.
func (b *build) sizeLimit(d Described) int64 {
	return lower(b.Limit, int64(d.Settings.Limits.Size))
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
func (b *build) network(d Described) lifecycle.Network {
	order := []lifecycle.Network{lifecycle.FullNetwork, lifecycle.InstallNetwork, lifecycle.NoNetwork}
	asked := slices.Index(order, lifecycle.Network(d.Settings.Network))
	return order[max(asked, slices.Index(order, b.Network), 0)]
}

// stack is what buildpacks are told of where the slug will run: the request's, the app's, or this machine.
func (b *build) stack(d Described) string {
	machine := b.Target.DistroName
	if b.Target.DistroVersion != "" {
		machine = fmt.Sprintf("%s-%s", machine, b.Target.DistroVersion)
	}
	return cmp.Or(b.askedStack(d), machine)
}

// addStack adds the stack that was asked for to the environment of buildpacks, where one was: those of older APIs
// look for it.
func (b *build) addStack(env map[string]string, d Described) {
	if stack := b.askedStack(d); stack != "" {
		env["CNB_STACK_ID"] = stack
	}
}

// processes are the process types in project.toml, by name.
func (d Described) processes() (list []procfile.Process) {
	for _, name := range slices.Sorted(maps.Keys(d.Settings.Processes)) {
		list = append(list, procfile.Process{Type: name, Command: d.Settings.Processes[name]})
	}
	return list
}

// askedStack is the stack that the request or the app's files name; "" if none does.
func (b *build) askedStack(d Described) string {
	stack := cmp.Or(b.Stack, d.Settings.Stack)
	if stack == "" && d.App != nil {
		stack = d.App.Stack
	}
	return stack
}
