package main

import (
	"slices"

	"slugc/compiler/abi"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
)

// checkMachine returns an error if this machine cannot load a program that the process types start, and what else in
// the slug it cannot load, "" for nothing. With SLUGC_ABI=warn both are only said.
func (c *cli) checkMachine(r *abi.Record, types, env []string) (warning string, err error) {
	warning, err = launch.CheckMachine(r, types, env)
	if err != nil && c.env.vars["SLUGC_ABI"] == "warn" {
		return fault.Of(err).Error(), nil
	}
	return warning, err
}

// checkSlug does the same for a slug, of which the formation says how many of each type are to run.
func (c *cli) checkSlug(n *appSlug, formation map[string]int, env []string) error {
	var types []string
	for typ, count := range formation {
		if count > 0 {
			types = append(types, typ)
		}
	}
	slices.Sort(types)
	warning, err := c.checkMachine(n.manifest.ABI, types, env)
	if warning != "" {
		c.ui.Warn(warning)
	}
	return err
}
