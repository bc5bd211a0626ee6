package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"slugc/compiler/report"
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
			var b strings.Builder
			w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
			for _, f := range findings {
				verdict := "ok"
				if !f.OK {
					verdict = "!"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", verdict, f.What, f.Says)
			}
			_ = w.Flush()
			return c.result(findings, clean(b.String()))
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
	list := []finding{{"slugc", true, version + ", " + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH},
		{"platform", true, engine.Target.DistroName + " " + engine.Target.DistroVersion}, c.disk(engine.Home.Path())}
	if box, err := engine.Sandbox(ctx); err != nil {
		list = append(list, finding{"sandbox", false, err.Error()})
	} else {
		list = append(list, finding{"sandbox", box.Reason() == "", strings.TrimSuffix(string(box.Level())+": "+box.Reason(), ": ")})
	}
	list = append(list, c.examineCoordinator(ctx, engine.Home))
	for _, tool := range []string{"git", "bash", "gcc", "make", "python3"} {
		list = append(list, c.program(tool))
	}
	store, err := engine.Toolchains(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range store.CheckSources(ctx) {
		f := finding{"source: " + s.Name, s.Err == nil && !s.Off, strings.Join(s.Tools, ", ") + " from " + s.Address}
		switch {
		case s.Off:
			f.Says = strings.Join(s.Tools, ", ") + ": not set"
		case s.Err != nil:
			f.Says += ": " + s.Err.Error()
		}
		list = append(list, f)
	}
	return list, nil
}

// program says whether a program of the machine that builds may use is there. None of them is
// needed by every app.
func (c *cli) program(name string) finding {
	uses := map[string]string{
		"git":     "--ref, git dependencies",
		"bash":    "running processes",
		"gcc":     "native extensions, cgo",
		"make":    "native extensions",
		"python3": "node-gyp",
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return finding{name, false, "not found; needed for " + uses[name]}
	}
	return finding{name, true, path}
}

func (c *cli) disk(dir string) finding {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return finding{"disk", false, fmt.Sprintf("%s: %v", dir, err)}
	}
	free := int64(s.Bavail) * s.Bsize
	return finding{"disk", free > 2e9, fmt.Sprintf("%s free in %s", report.Bytes(free), dir)}
}
