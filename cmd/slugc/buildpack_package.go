package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"slugc/buildpacks"
	"slugc/compiler/fault"
)

// buildpackPackageCommand writes the built-in buildpacks for other platforms.
func (c *cli) buildpackPackageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "package DIR",
		Short: "Write the built-in buildpacks as archives for other CNB platforms",
		Long: `Package writes each built-in buildpack as a .tgz into DIR, which pack and other platforms of Cloud Native
Buildpacks take. ` + buildpacks.CompositeID + ` is one more, without programs: it puts the others in order, so that
they build what slugc itself would detect. There the buildpacks fetch their own toolchains.`,
		Example: `  slugc buildpacks package ./out
  pack build blog --buildpack ./out/slugc_node_0.1.0.tgz`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			self, err := selfPath()
			if err != nil {
				return err
			}
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return fmt.Errorf("finding %q: %w", args[0], err)
			}
			list, err := buildpacks.WriteArchives(dir, self, version)
			if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR) {
				err = fault.UsageError("usage/directory", err, "name a directory that you may write to")
			}
			if err != nil {
				return err
			}
			for _, a := range list {
				c.ui.Detail(a.ID + " " + a.Version + ": " + filepath.Base(a.File))
			}
			return c.result(list, dir)
		},
	}
	c.jsonFlag(cmd)
	return cmd
}
