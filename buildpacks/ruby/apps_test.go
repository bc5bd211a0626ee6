package ruby_test

import (
	"fmt"
	"strings"
)

const gemSource = "source \"https://gems.example.com\"\n"

// app returns a tree whose Gemfile and lock file name gems, such as "rack 2.2.22". A gem's dependencies
// follow it: "puma 5.6.5 nio4r".
func app(gems ...string) files {
	gemfile, specs, deps := gemSource, "", ""
	for _, gem := range gems {
		f := strings.Fields(gem)
		gemfile += fmt.Sprintf("gem %q\n", f[0])
		deps += "  " + f[0] + "\n"
		specs += fmt.Sprintf("    %s (%s)\n", f[0], f[1])
		for _, dep := range f[2:] {
			specs += "      " + dep + "\n"
		}
	}
	return files{
		"Gemfile":      gemfile,
		"Gemfile.lock": lock("GEM\n  remote: https://gems.example.com/\n  specs:\n"+specs, deps),
	}
}

// lock returns a lock file for this machine.
func lock(sources, deps string) string {
	return sources + "\nPLATFORMS\n  x86_64-linux\n\nDEPENDENCIES\n" + deps + "\nBUNDLED WITH\n   2.3.7\n"
}

// The versions that Debian has.
const (
	rack     = "rack 2.2.22"
	rake     = "rake 13.0.6"
	railties = "railties 7.1.0"
)
