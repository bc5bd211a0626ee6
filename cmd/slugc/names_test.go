package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"slugc/cache/testkit"
	"slugc/compiler/fault"
)

// badNames are names that no app may have.
var badNames = []string{"", ".", "..", "../../x", "/etc", "a/b", "_x", ".hidden", "Blog", "a b", "ünï", "a\nb",
	"a\x1b[31m", "a\x00b", "\u202ea", strings.Repeat("a", 64)}

// naming are the command lines that take an app's name, NAME.
var naming = map[string]string{
	"apps destroy": "apps destroy NAME --yes",
	"config":       "config NAME", "config get": "config get NAME X", "config set": "config set NAME X=1",
	"config unset": "config unset NAME X",
	"build":        "build --app NAME", "cache prune": "cache prune --app NAME", "export": "export systemd NAME",
	"hook install": "hook install nowhere --app NAME", "logs": "logs NAME", "ps": "ps NAME",
	"register": "register nothing.tgz --app NAME", "releases": "releases NAME", "rollback": "rollback NAME v1",
	"run": "run NAME web", "scale": "scale NAME web=1", "start": "start NAME --follow",
}

// TestNamesBeforeDisk gives every command that takes an app's name those that no app may have: it
// refuses them before it makes even the state directory.
func TestNamesBeforeDisk(t *testing.T) {
	t.Parallel()
	for path, line := range naming {
		for _, name := range badNames {
			if isFile(name) && slices.Contains([]string{"run", "export"}, path) {
				continue // it names a file or a directory
			}
			home := filepath.Join(t.TempDir(), "a", "home")
			words := append(strings.Fields(line), "--home", home)
			words[slices.Index(words, "NAME")] = name
			root := newCLI().root()
			root.SetArgs(words)
			err := root.ExecuteContext(t.Context())
			f := fault.Of(err)
			if f == nil || f.ID != "release/app-name" || f.Code != fault.ExitUsage || len(f.Hints) == 0 {
				t.Errorf("%q: got %+v, want release/app-name", words, f)
			}
			if testkit.Exists(filepath.Dir(home)) {
				t.Errorf("%q makes directories", words)
			}
		}
	}
}

// TestNamingCommands requires every command that takes an app's name to be among those.
func TestNamingCommands(t *testing.T) {
	t.Parallel()
	var walk func(path string, cmd *cobra.Command)
	walk = func(path string, cmd *cobra.Command) {
		takes := cmd.Flags().Lookup("app") != nil || strings.Contains(argumentList(cmd), "APP")
		if _, listed := naming[path]; takes != listed {
			t.Errorf("%q takes an app's name: %v; it is listed: %v", path, takes, listed)
		}
		for _, child := range cmd.Commands() {
			walk(strings.TrimSpace(path+" "+child.Name()), child)
		}
	}
	walk("", newCLI().root())
}
