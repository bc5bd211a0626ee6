package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"slugc/buildpacks"
	"slugc/buildpacks/toolchain"
	"slugc/compiler/report"
	"slugc/compiler/sandbox"
)

// finding is one line of `slugc doctor`.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Says string `json:"says"`
}

func (c *cli) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say how well this machine can build: sandbox, coordinator, toolchain sources, disk, versions",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			findings, err := c.examine(ctx)
			if err != nil {
				return err
			}
			t := newTable()
			for _, f := range findings {
				verdict := "ok"
				if !f.OK {
					verdict = "!"
				}
				t.row(verdict, f.What, f.Says)
			}
			return c.result(findings, t.String())
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) examine(ctx context.Context) ([]finding, error) {
	engine, err := c.engine()
	if err != nil {
		return nil, err
	}
	list := []finding{
		{"slugc", true, version + ", " + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH},
		{"platform", true, engine.Target.DistroName + " " + engine.Target.DistroVersion},
		c.disk(engine.Home.Path()),
	}
	if box, err := engine.Sandbox(ctx); err != nil {
		list = append(list, finding{"sandbox", false, err.Error()})
	} else {
		list = append(list, sandboxFindings(box)...)
		list = append(list, networkFinding(ctx, box))
	}
	list = append(list, c.examineCoordinator(ctx, engine.Home))
	list = append(list, findPrograms()...)
	store, err := engine.Toolchains(ctx, goVariables, false)
	if err != nil {
		return nil, err
	}
	for _, s := range store.CheckSources(ctx) {
		list = append(list, sourceFinding(s))
	}
	return list, nil
}

// sandboxFindings are the lines of the sandbox: its level, what a build can do at that level, and what holds
// the limits of builds.
func sandboxFindings(box *sandbox.Sandbox) []finding {
	level := strings.TrimSuffix(string(box.Level())+": "+box.Reason(), ": ")
	list := []finding{{"sandbox", box.Reason() == "", level}}
	for _, attempt := range box.Permits() {
		list = append(list, finding{"sandbox permits", box.Level() == sandbox.Bubblewrap, attempt})
	}
	by := box.Bounds()
	says := fmt.Sprintf("memory by %s, processes by %s, processor by %s, disk by %s",
		by.Memory, by.Processes, by.CPU, by.Disk)
	return append(list, finding{"limits", by.Memory != "watching" && by.Processes != "watching", says})
}

// networkFinding says by what the network is taken from build scripts (--network).
func networkFinding(ctx context.Context, box *sandbox.Sandbox) finding {
	const what = "scripts without network"
	switch by, err := box.Offline(ctx); {
	case err != nil:
		return finding{what, false, err.Error()}
	case by == sandbox.ByNamespace:
		return finding{what, true, "by a namespace; loopback works"}
	}
	return finding{what, true, "by a filter of system calls; loopback does not work"}
}

// sourceFinding is the line of a toolchain source: what it serves, from where, and why it cannot be
// used.
func sourceFinding(s toolchain.SourceStatus) finding {
	f := finding{"source: " + s.Name, s.Err == nil && !s.Off, strings.Join(s.Tools, ", ")}
	switch {
	case s.Off:
		f.Says += ": not set"
	case s.Err == nil:
		f.Says += " from " + s.Address
	case strings.Contains(s.Err.Error(), s.Address):
		f.Says += ": " + s.Err.Error() // which names the address
	default:
		f.Says += " from " + s.Address + ": " + s.Err.Error()
	}
	return f
}

// findPrograms looks for the programs of the machine that builds may use: slugc's own, then those
// of the languages. No app needs all of them.
func findPrograms() (list []finding) {
	names := []string{"git", "bash"}
	uses := map[string][]string{"git": {"--ref", "git dependencies"}, "bash": {"running processes"}}
	for _, l := range buildpacks.Languages {
		for _, p := range l.Programs {
			if !slices.Contains(names, p.Name) {
				names = append(names, p.Name)
			}
			if !slices.Contains(uses[p.Name], p.For) {
				uses[p.Name] = append(uses[p.Name], p.For)
			}
		}
	}
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			path = "not found; needed for " + strings.Join(uses[name], ", ")
		}
		list = append(list, finding{name, err == nil, path})
	}
	return list
}

func (c *cli) disk(dir string) finding {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return finding{"disk", false, fmt.Sprintf("%s: %v", dir, err)}
	}
	free := int64(s.Bavail) * s.Bsize
	return finding{"disk", free > 2e9, fmt.Sprintf("%s free in %s", report.Bytes(free), dir)}
}
