package buildpacks

import (
	"slices"

	"slugc/buildpacks/toolchain"
)

// FromLastBuild says of a request that the last build's version is asked for.
const FromLastBuild = "the last build"

// Sticky returns the requests with the last build's version, by tool, in the place of a default
// that moves with every release of its language: Ruby's.
func Sticky(requests []toolchain.Request, last map[string]string) []toolchain.Request {
	requests = slices.Clone(requests)
	for i, r := range requests {
		if version := last[r.Tool]; r.Tool == "ruby" && r.Constraint == "" && version != "" {
			requests[i].Constraint, requests[i].From = version, FromLastBuild
		}
	}
	return requests
}
