package buildpacks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"

	"slugc/cache/testkit"
)

// TestDetectAlone holds that under another platform each buildpack passes where slugc's detection chooses it, and that
// an assisting one is told so.
func TestDetectAlone(t *testing.T) {
	t.Parallel()
	const (
		gomod    = "module example.com/a\n\ngo 1.25\n"
		main     = "package main\n\nfunc main() {}\n"
		manifest = `{"scripts": {"start": "true"}}`
	)
	for _, c := range []struct {
		name  string
		files map[string]string
		env   map[string]string
		want  string
	}{
		{"nothing", map[string]string{"README": ""}, nil, "node: [offers], go: [declines]"},
		{"Go", map[string]string{"go.mod": gomod, "main.go": main}, nil, "node: [offers], go: [requires]"},
		{"Node", map[string]string{"package.json": manifest}, nil, "node: [requires offers], go: [declines]"},
		{"both", map[string]string{"go.mod": gomod, "main.go": main, "package.json": manifest}, nil,
			"node: [requires(assisting) offers], go: [requires]"},
		{"named", map[string]string{"go.mod": gomod, "main.go": main, "package.json": manifest},
			map[string]string{"SLUGC_BUILDPACK": "node"}, "node: [requires offers], go: [declines]"},
		{"broken", map[string]string{"package.json": "{", "go.mod": gomod, "main.go": main}, nil,
			"node: [fails], go: [declines]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := testkit.Tree(t, t.TempDir(), c.files)
			var got []string
			for _, name := range []string{"node", "go"} {
				for _, l := range Languages {
					if string(l.Name) == name {
						got = append(got, name+": "+outcome(l.detectAlone(libcnb.DetectContext{
							ApplicationPath: dir, Platform: libcnb.Platform{Environment: c.env},
						})))
					}
				}
			}
			if got := strings.Join(got, ", "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// outcome says what a detection returned.
func outcome(result libcnb.DetectResult, err error) string {
	if err != nil {
		return "[fails]"
	}
	if !result.Pass {
		return "[declines]"
	}
	var plans []string
	for _, plan := range result.Plans {
		switch {
		case len(plan.Requires) == 0:
			plans = append(plans, "offers")
		case plan.Requires[0].Metadata["assisting"] == true:
			plans = append(plans, "requires(assisting)")
		default:
			plans = append(plans, "requires")
		}
	}
	return fmt.Sprint(plans)
}
