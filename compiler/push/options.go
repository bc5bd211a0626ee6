package push

import (
	"fmt"

	"slugc/compiler/fault"
)

// Options are the push options that slugc knows: `git push -o fresh`.
type Options struct {
	Fresh bool // build without anything kept from earlier builds
	Dry   bool // build and report, release nothing
}

// ParseOptions reads a push's options. It refuses an unknown one with "push/unknown-option".
func ParseOptions(list []string) (o Options, err error) {
	for _, option := range list {
		switch option {
		case "fresh":
			o.Fresh = true
		case "dry-run":
			o.Dry = true
		default:
			return o, fault.UsageError("push/unknown-option",
				fmt.Errorf("reading the push options: there is no option %.80q", option),
				"the options are `-o fresh` (build from nothing) and `-o dry-run` (build, release nothing)")
		}
	}
	return o, nil
}
