package lifecycle_test

import (
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"

	"slugc/compiler/lifecycle"
)

// candidate reads "a: +x -y | -z": buildpack a provides x and requires y, or requires z alone. A
// "?" after the name makes it optional.
func candidate(s string) lifecycle.Candidate {
	id, rest, _ := strings.Cut(s, ":")
	var c lifecycle.Candidate
	c.Info.ID, c.Optional = strings.CutSuffix(id, "?")
	for i, alternative := range strings.Split(rest, "|") {
		var plan libcnb.BuildPlan
		for _, word := range strings.Fields(alternative) {
			switch word[0] {
			case '+':
				plan.Provides = append(plan.Provides, libcnb.BuildPlanProvide{Name: word[1:]})
			case '-':
				plan.Requires = append(
					plan.Requires,
					libcnb.BuildPlanRequire{Name: word[1:], Metadata: map[string]any{"by": c.Info.ID}},
				)
			}
		}
		if i == 0 {
			c.Plans.BuildPlan = plan
		} else {
			c.Plans.Or = append(c.Plans.Or, plan)
		}
	}
	return c
}

func TestResolve(t *testing.T) {
	tests := []struct{ name, group, want string }{
		{"alone", "a: +x -x", "a(x by a)"},
		{"nothing to plan", "a:", "a"},
		{"provided earlier", "node: +node; ruby: +ruby -ruby -node", "node(node by ruby) ruby(ruby by ruby)"},
		{"provided later", "a: -x; b: +x", "no"},
		{"required by nobody", "a: +x", "no"},
		{"required earlier only", "a: -x +y -y; b: +x", "no"},
		{"alternative", "node: +node | +node -node; go: +go -go", "node(node by node) go(go by go)"},
		{"first alternative wins", "a: +x -x | +y -y", "a(x by a)"},
		{"optional is dropped", "a?: +x; b: +y -y", "b(y by b)"},
		{"optional is kept when wanted", "a?: +x; b: -x", "a(x by b) b"},
		{"dropping cascades", "a?: -z; b?: +x; c: +y -y", "c(y by c)"},
		{"all optional and none left", "a?: +x; b?: -y", "no"},
		{"two ask for one", "a: +x -x; b: -x", "a(x by a, x by b) b"},
		{"the first provider gets the entry", "a: +x; b: +x -x", "a(x by b) b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var group []lifecycle.Candidate
			for _, s := range strings.Split(test.group, ";") {
				group = append(group, candidate(strings.TrimSpace(s)))
			}
			members, ok := lifecycle.Resolve(group)
			var got []string
			for _, m := range members {
				var entries []string
				for _, e := range m.Entries {
					entries = append(entries, e.Name+" by "+e.Metadata["by"].(string))
				}
				s := m.Info.ID
				if len(entries) > 0 {
					s += "(" + strings.Join(entries, ", ") + ")"
				}
				got = append(got, s)
			}
			if s := strings.Join(got, " "); ok != (test.want != "no") || ok && s != test.want {
				t.Errorf("got %v %q, want %q", ok, s, test.want)
			}
		})
	}
}

// TestStack holds which distribution a stack is of, for buildpacks that ask.
func TestStack(t *testing.T) {
	t.Parallel()
	host := lifecycle.Target{OS: "linux", Arch: "amd64", DistroName: "debian", DistroVersion: "12"}
	for stack, want := range map[string]string{
		"": "debian 12", "heroku-24": "ubuntu 24.04", "debian-13": "debian 13", "alpine-3.20": "alpine 3.20",
		"mine": "debian 12", "io.buildpacks.stacks.jammy": "debian 12", "a-b-c": "debian 12",
	} {
		is := host.As(stack)
		if is.DistroName+" "+is.DistroVersion != want || is.OS != host.OS || is.Arch != host.Arch {
			t.Errorf("%q: got %v, want %s", stack, is, want)
		}
	}
}
