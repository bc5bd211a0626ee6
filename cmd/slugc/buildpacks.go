package main

import "github.com/spf13/cobra"

// buildpacksCommand is the group of commands about buildpacks.
func (c *cli) buildpacksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "buildpacks",
		Short: "Write slugc's own buildpacks for other platforms",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.buildpackPackageCommand())
	return cmd
}
