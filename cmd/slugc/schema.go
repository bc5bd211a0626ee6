package main

import (
	"github.com/spf13/cobra"

	"slugc/detect/descriptor"
)

// schemaCommand prints what editors check a project.toml with.
func (c *cli) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of slugc's settings in project.toml",
		Long: `Schema prints the JSON Schema (draft 2020-12) of the table [com.slugc] in project.toml, where an app
keeps what slugc needs to know for its build.`,
		Example: `  slugc schema >slugc.schema.json`,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			schema, err := descriptor.Schema()
			if err != nil {
				return err
			}
			return c.ui.result(string(schema))
		},
	}
}
