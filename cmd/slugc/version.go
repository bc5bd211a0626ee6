package main

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version is slugc's own, and stands here alone.
const version = "0.1.0"

// recordedVersion is what every recorded build depends on: another slugc may make another slug of the same
// source.
func recordedVersion() string { return strings.TrimSpace(version + " " + self().Commit) }

// about is what `slugc version --json` prints. Commit and Date are empty where the binary was not
// built in a git checkout.
type about struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"` // the checkout had changes that no commit holds
	Date     string `json:"date"`     // of the commit, RFC 3339
	Go       string `json:"go"`
	Target   string `json:"target"` // OS/architecture
}

// self reads what the Go toolchain wrote into the binary.
func self() about {
	a := about{Version: version, Go: runtime.Version(), Target: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return a
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			a.Commit = s.Value
		case "vcs.time":
			a.Date = s.Value
		case "vcs.modified":
			a.Modified = s.Value == "true"
		}
	}
	return a
}

// String is the one line of `slugc version`.
func (a about) String() string {
	commit := cmp.Or(a.Commit[:min(12, len(a.Commit))], "unknown")
	if a.Modified {
		commit += " with changes"
	}
	parts := []string{"commit " + commit}
	if a.Date != "" {
		parts = append(parts, a.Date)
	}
	parts = append(parts, a.Go, a.Target)
	return "slugc " + a.Version + " (" + strings.Join(parts, ", ") + ")"
}

func (c *cli) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print slugc's version, commit and date",
		Long: "Version prints slugc's version, the commit it was built from, that commit's date,\n" +
			"and the Go toolchain.",
		Example: `  slugc version
  slugc version --json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			a := self()
			return c.result(a, a.String())
		},
	}
	c.jsonFlag(cmd)
	return cmd
}
