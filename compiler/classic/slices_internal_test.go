package classic

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// trees returns directories before and after from lines "path size", in MB, where a size makes a file in the
// directory, and a leading "=" says that the directory was there before.
func trees(lines string) (before, after tree) {
	before, after = tree{"": {}}, tree{"": {}}
	for line := range strings.FieldsSeq(strings.ReplaceAll(lines, " ", "")) {
		dir, mb, _ := strings.Cut(line, ":")
		dir, old := strings.CutPrefix(dir, "=")
		var s size
		if mb != "" {
			fmt.Sscan(mb, &s.bytes)
			s.bytes, s.files = s.bytes*minSlice, true
		}
		for d := dir; d != "."; d = path.Dir(d) {
			if _, ok := after[d]; !ok {
				after[d] = size{}
			}
			if old {
				before[d] = size{}
			}
		}
		after[dir] = s
	}
	return before, after
}

// TestSlices is the rule.
func TestSlices(t *testing.T) {
	t.Parallel()
	many, children := "", ""
	for i := range maxSlices + 4 {
		many += fmt.Sprintf("dir%02d:%d\n", i, i+1)
		children += fmt.Sprintf("lib/p%02d:1\n", i)
	}
	for name, c := range map[string]struct{ dirs, want string }{
		"nothing new":             {"=src:9", ""},
		"python":                  {".heroku/python/bin:20", ".heroku/python"},
		"two runtimes":            {".heroku/python:20\n.heroku/node/bin:9", ".heroku/node .heroku/python"},
		"gems":                    {"vendor/bundle/ruby/3.1.0/gems/rack:5", "vendor/bundle"},
		"gems beside the app's":   {"=vendor/assets:1\nvendor/bundle/ruby/gems:5", "vendor/bundle"},
		"modules":                 {"node_modules/express:5\nnode_modules/koa:5", "node_modules"},
		"modules of a part":       {"=apps/api:1\napps/api/node_modules/koa:5", "apps/api/node_modules"},
		"in the app's own":        {"=a/b/c:1\na/b/c/d/e/f:3", "a/b/c/d"},
		"a file beside":           {"vendor:1\nvendor/bundle:5", "vendor"},
		"small":                   {"tmp:0\nvendor/bundle:0", ""},
		"small ones together":     {"lib/a:0\nlib:0\nbig/x:1", "big/x"},
		"only a directory deep":   {"a/b/c/d:3", "a/b"},
		"all alone":               {"a:3", "a"},
		"a directory of many":     {children, "lib"},
		"the app's, but larger":   {"=src:9\n=src/lib:20", ""},
		"in modules of the app's": {"=node_modules/koa:5\nnode_modules/express:5", "node_modules/express"},
		"of too many the largest": {many, dirNames(4, maxSlices+4)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := trees(c.dirs)
			got := before.grown(after)
			if strings.Join(got, " ") != c.want {
				t.Errorf("the slices are %q, want %q", got, c.want)
			}
			for _, a := range got {
				if slices.ContainsFunc(got, func(b string) bool { return strings.HasPrefix(b, a+"/") }) {
					t.Errorf("%q is in another slice", a)
				}
			}
		})
	}
}

func dirNames(from, to int) string {
	var names []string
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("dir%02d", i))
	}
	return strings.Join(names, " ")
}
