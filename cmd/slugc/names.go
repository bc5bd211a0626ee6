package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// checkNames refuses a malformed app name before the command touches the disk or the network. Which
// arguments are names its usage line says: APP is one, SLUG|APP may be a file or a directory instead. The flags
// --app and --app-name hold one too.
func checkNames(cmd *cobra.Command, args []string) error {
	for i, what := range strings.Fields(argumentList(cmd)) {
		kinds := strings.Split(strings.Trim(what, "[]"), "|")
		if i >= len(args) || !slices.Contains(kinds, "APP") || slices.Contains(kinds, "SLUG") && isFile(args[i]) {
			continue
		}
		if err := release.CheckApp(args[i]); err != nil {
			return err
		}
	}
	for _, name := range []string{"app", "app-name"} {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed {
			if err := release.CheckApp(flag.Value.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkApp refuses a malformed app name. "" is what a directory's name without letters leaves.
func checkApp(name string) error {
	if name == "" {
		return fault.UsageError("usage/app",
			fmt.Errorf("naming the app: the directory's name holds no letter or digit"), "use --app NAME")
	}
	return release.CheckApp(name)
}
