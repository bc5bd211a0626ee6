package lifecycle_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
)

// shelf makes buildpacks from lines such as "web = node static? | ruby": a composite one and its groups.
func shelf(lines ...string) func(id, version string) (lifecycle.Buildpack, bool) {
	all := map[string]lifecycle.Buildpack{}
	for _, line := range lines {
		name, groups, _ := strings.Cut(line, " = ")
		b := all[name]
		b.Info.ID = name
		for group := range strings.SplitSeq(groups, " | ") {
			var order lifecycle.OrderOf
			for _, member := range strings.Fields(group) {
				id, optional := strings.CutSuffix(member, "?")
				order = append(order, lifecycle.Reference{ID: id, Optional: optional})
				if _, ok := all[id]; !ok && id != "missing" {
					var leaf lifecycle.Buildpack
					leaf.Info.ID = id
					all[id] = leaf
				}
			}
			b.Order = append(b.Order, order)
		}
		all[name] = b
	}
	return func(id, _ string) (lifecycle.Buildpack, bool) {
		b, ok := all[id]
		return b, ok
	}
}

// expand expands the composite buildpack "all" and returns its groups as the lines of shelf write them.
func expand(t *testing.T, lines ...string) (string, error) {
	t.Helper()
	find := shelf(lines...)
	all, _ := find("all", "")
	groups, err := lifecycle.Expand([]lifecycle.Ordered{{Buildpack: all}}, find)
	var text []string
	for _, g := range groups {
		var names []string
		for _, o := range g {
			name := o.Info.ID
			if o.Optional {
				name += "?"
			}
			names = append(names, name)
		}
		text = append(text, strings.Join(names, " "))
	}
	return strings.Join(text, " | "), err
}

func TestExpand(t *testing.T) {
	t.Parallel()
	for want, lines := range map[string][]string{
		"a b":                   {"all = a b"},
		"a b? | c":              {"all = a b? | c"},
		"a x | b x":             {"all = in x", "in = a | b"},
		"a x | b x | x":         {"all = in? x", "in = a | b"},
		"a b c":                 {"all = a in", "in = a b c"},
		"a c | a d | b c | b d": {"all = in out", "in = a | b", "out = c | d"},
		"z a y":                 {"all = z in", "in = deep y", "deep = a"},
		"p in-p":                {"all = p twice twice", "twice = in-p p"},
	} {
		got, err := expand(t, lines...)
		if err != nil || got != want {
			t.Errorf("%v: got %q, want %q (%v)", lines, got, want, err)
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	t.Parallel()
	many := []string{"all ="}
	for i := range 11 {
		many = append(many, fmt.Sprintf("in%d = a%d | b%d", i, i, i))
		many[0] += fmt.Sprintf(" in%d", i)
	}
	for want, lines := range map[string][]string{
		"a cycle, all -> in -> all":                        {"all = in x", "in = y all"},
		"a cycle, in -> deep -> in":                        {"all = in", "in = deep", "deep = in"},
		"composite buildpack in: missing@ of its order is": {"all = in", "in = missing"},
		"more than 1000 groups":                            many,
	} {
		_, err := expand(t, lines...)
		if f := fault.Of(err); err == nil || f.ID != "buildpack/composite" || f.Code != 21 ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v", lines, err)
		}
	}
}

// TestExpandKeepsOrder holds that the groups share no memory.
func TestExpandKeepsOrder(t *testing.T) {
	t.Parallel()
	got, err := expand(t, "all = one in two", "in = a b | c | d e f")
	if diff := cmp.Diff("one a b two | one c two | one d e f two", got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
