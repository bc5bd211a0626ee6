package buildpacks_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks"
	"slugc/buildpacks/toolchain"
)

// TestSticky: an app that names no Ruby stays on the last build's; one that names it, and every
// other tool, does not.
func TestSticky(t *testing.T) {
	requests := []toolchain.Request{
		{Tool: "ruby", From: "default"},
		{Tool: "node", From: "default"},
		{Tool: "ruby", Constraint: "~> 3.3", From: "Gemfile ruby"},
	}
	want := []toolchain.Request{
		{Tool: "ruby", Constraint: "3.1.2", From: buildpacks.FromLastBuild},
		requests[1],
		requests[2],
	}
	before := append([]toolchain.Request{}, requests...)
	if diff := cmp.Diff(want, buildpacks.Sticky(requests, map[string]string{"ruby": "3.1.2", "node": "22.1.0"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, requests); diff != "" {
		t.Errorf("the requests given are changed:\n%s", diff)
	}
	if diff := cmp.Diff(before, buildpacks.Sticky(requests, nil)); diff != "" {
		t.Errorf("of a first build (-want +got):\n%s", diff)
	}
}
