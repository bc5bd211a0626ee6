package edits_test

import "testing"

// TestFound plays what the random edits once found, where a rebuild made other bytes, and what they may miss.
func TestFound(t *testing.T) {
	t.Parallel()
	k := newToy(t)
	build := edit{op: "build"}
	script := func(text string) edit { return edit{op: "write", path: "build.sh", arg: text} }
	for name, list := range map[string][]edit{
		"a script no longer removes the dependencies": {
			script("rm -rf node_modules\n"), build, script("true\n"), build,
		},
		"a script removes one file of a dependency": {
			script("true\n"), build, script("rm -f node_modules/alpha/lib/1.js\n"), build, script("true\n"), build,
		},
		"a script writes to one of two names of a file": {
			script("true\n"), build, script("chmod 755 node_modules/beta/index.js\n"), build,
			script("echo more >>node_modules/beta/index.js\n"), build,
		},
		"the app no longer brings a directory that it names as a cache": {
			{op: "write", path: "package.json", arg: `{"name": "toyapp", "scripts": {"start": "node server.js",
				"build": "sh build.sh"}, "dependencies": {"alpha": "1.0.0", "beta": "1.0.0"},
				"cacheDirectories": ["work-cache"]}`},
			{op: "write", path: "work-cache/own", arg: "own\n"}, build, {op: "remove", path: "work-cache"}, build,
		},
		"a script forges a dependency": {
			script("true\n"), build, build,
			script("f=node_modules/alpha/lib/2.js; touch -r $f ref; printf PART | dd of=$f conv=notrunc; " +
				"touch -r ref $f; rm ref\n"), build, script("true\n"), build,
		},
		"a file's mode changes, and then its content, neither with its times": {
			build, {op: "chmod", path: "server.js", arg: "755"}, build, {op: "forge", path: "server.js"}, build,
			{op: "remove", path: "src/deep/3.txt"}, build,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, k)
			if wrong := w.take(append(k.first(), list...)); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}
