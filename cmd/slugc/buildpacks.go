package main

import (
	"slices"

	"github.com/spf13/cobra"

	"slugc/buildpacks/reference"
	"slugc/cache"
	"slugc/compiler"
	"slugc/compiler/lifecycle"
)

// buildpacksCommand is the group of commands about buildpacks.
func (c *cli) buildpacksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "buildpacks", Aliases: []string{"buildpack"},
		Short: "List, take, remove or show buildpacks, or write slugc's own for other platforms",
		Args:  usageArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		c.buildpackListCommand(), c.buildpackAddCommand(), c.buildpackRemoveCommand(), c.buildpackInspectCommand(),
		c.buildpackPackageCommand(),
	)
	return cmd
}

// referenceOptions is how buildpacks that are not built in are fetched on this machine.
func (c *cli) referenceOptions() (reference.Options, error) {
	mode, err := c.networkMode()
	if err != nil {
		return reference.Options{}, err
	}
	o := reference.Options{
		Index:    c.env.vars["SLUGC_BUILDPACK_REGISTRY"],
		Offline:  c.env.vars["SLUGC_OFFLINE"] != "" || mode == lifecycle.NoNetwork,
		Check:    true,
		Note:     c.ui.Detail,
		Progress: c.ui.Progress,
	}
	for name, value := range c.env.vars {
		o.Env = append(o.Env, name+"="+value)
	}
	slices.Sort(o.Env)
	return o, nil
}

// withReferences opens the store of buildpacks for do.
func (c *cli) withReferences(do func(home *cache.Home, store *reference.Store) error) error {
	home, err := c.openHome()
	if err != nil {
		return err
	}
	o, err := c.referenceOptions()
	if err != nil {
		return err
	}
	store, err := reference.Open(home.Path("foreign"), o)
	if err != nil {
		return err
	}
	defer store.Close()
	return compiler.ReferenceFault(do(home, store))
}
