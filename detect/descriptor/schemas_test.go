package descriptor_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestSchemas reads files of each schema. The results are those of pack 0.40.
func TestSchemas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"0.1", `[project]
			id = "x"
			[build]
			include = ["a/"]
			builder = "b"
			[[build.buildpacks]]
			id = "one"
			version = "1"
			[[build.buildpacks]]
			uri = "u"
			[[build.env]]
			name = "A"
			value = "1"
			[[build.env]]
			name = "A"
			value = "2"
			[[build.pre.group]]
			id = "pp"`, `one@1 u pre pp post env map[A:2] include [a/]`},
		{"0.2, both an id and a uri", `[_]
			schema-version = "0.2"
			[[io.buildpacks.group]]
			id = "one"
			uri = "u"`, `u pre post env map[] include []`},
		{"0.2, an old place", `[_]
			schema-version = "0.2"
			[[io.buildpacks.env.build]]
			name = "OLD"
			value = "o"`, `pre post env map[OLD:o] include []`},
		{"0.2, both places", `[_]
			schema-version = "0.2"
			[[io.buildpacks.env.build]]
			name = "OLD"
			value = "o"
			[[io.buildpacks.build.env]]
			name = "NEW"
			value = "n"`, `pre post env map[NEW:n] include []`},
		{"0.3", `[_]
			schema-version = "0.3"
			[[io.buildpacks.env.build]]
			name = "OLD"
			value = "o"
			[[io.buildpacks.group]]
			id = "t"
			exec-env = ["test"]
			[[io.buildpacks.group]]
			id = "p"
			exec-env = ["production"]
			[[io.buildpacks.build.env]]
			name = "N"
			value = "n"
			exec-env = ["test"]`,
			`p pre post env map[] include [] project.toml: slugc does not use io.buildpacks.env.build.`},
		{"in lines", `_ = { schema-version = "0.2" }
			[io.buildpacks]
			group = [ { id = "a" }, { uri = "b" } ]
			pre = { group = [ { id = "p" } ] }
			post.group = [ { uri = "q" } ]`, `a b pre p post q env map[] include []`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, warnings := read(t, files("project.toml", c.text), "")
			var got []string
			for _, u := range d.Buildpacks {
				got = append(got, u.Ref)
			}
			got = append(got, "pre")
			for _, u := range d.Pre {
				got = append(got, u.Ref)
			}
			got = append(got, "post")
			for _, u := range d.Post {
				got = append(got, u.Ref)
			}
			got = append(got, "env", fmt.Sprint(d.Env), "include", fmt.Sprint(d.Include))
			for _, w := range warnings {
				if !strings.Contains(w, "build.builder") {
					got = append(got, w)
				}
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
}
