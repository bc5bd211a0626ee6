package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"slugc/compiler/launch/execd"
)

// execDCommand is called by the profile of a slug whose layers have programs in exec.d. The shell that starts a process
// evaluates what it prints.
func (c *cli) execDCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "exec-d DIR…",
		Short:  "Run the programs in exec.d of a slug's layers; the slug's profile calls it",
		Hidden: true,
		Args:   usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			process, _, _ := strings.Cut(os.Getenv("DYNO"), ".")
			text, err := execd.Script(cmd.Context(), execd.Options{
				Dirs: args, Process: process, Dir: os.Getenv("HOME"), Environ: os.Environ(), Stderr: os.Stderr,
			})
			if err != nil {
				return err
			}
			_, err = os.Stdout.WriteString(text)
			return err
		},
	}
}
