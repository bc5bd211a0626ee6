package node_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFailingSteps breaks a build at each of its steps, in a way that no pattern knows.
func TestFailingSteps(t *testing.T) {
	const (
		plain = `{"name": "app", "scripts": {"start": "node x.js", %s}}`
		bare  = `{"name": "app", "lockfileVersion": 3, "packages": {"": {"name": "app"}}}`
		dev   = `"devDependencies": {"lib": "file:lib"}`
	)
	for _, test := range []struct{ id, pkg, lock string }{
		{"node/prebuild-script-failed", fmt.Sprintf(plain, `"heroku-prebuild": "exit 3"`), bare},
		{"node/cleanup-script-failed", fmt.Sprintf(plain, `"heroku-cleanup": "exit 3"`), bare},
		{"node/install-failed", `{"name": "app", "scripts": {"start": "node x.js"}, "dependencies": {"odd": "odd:1"}}`,
			`{"name": "app", "lockfileVersion": 3, "packages": {"": {"name": "app", "dependencies": {"odd": "odd:1"}}}}`},
		{"node/prune-failed", `{"name": "app", "scripts": {"start": "node x.js", "build": "echo broken >package.json"}, ` + dev + `}`,
			`{"name": "app", "lockfileVersion": 3, "packages": {"": {"name": "app", ` + dev + `}, "lib": {"version": "1.0.0", "dev": true}, "node_modules/lib": {"resolved": "lib", "link": true}}}`},
	} {
		t.Run(test.id, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "node-no-start")
			b.write("package.json", test.pkg)
			b.write("package-lock.json", test.lock)
			b.write("x.js", "")
			b.write("lib/package.json", `{"name": "lib", "version": "1.0.0"}`)
			got := b.try()
			if got.ok || got.wrong == nil || got.wrong.ID != test.id || len(got.wrong.Hints) == 0 {
				t.Errorf("gives %+v\n%s", got.wrong, got.log)
			}
		})
	}
}

// TestNoSuchNode asks for a Node that nobody has, on a platform that fetches nothing.
func TestNoSuchNode(t *testing.T) {
	t.Parallel()
	b := newBench(t, "node-no-start")
	b.foreign = true
	b.write("package.json", `{"name": "app", "engines": {"node": "9999.x"}, "scripts": {"start": "node x.js"}}`)
	got := b.try()
	if got.ok || got.wrong == nil || got.wrong.ID != "node/version-unavailable" ||
		!strings.Contains(got.wrong.Summary, "(it has ") {
		t.Fatalf("gives %+v\n%s", got.wrong, got.log)
	}
	if diff := cmp.Diff([]string{"ask in package.json engines.node for a version of node that one of the sources has"}, got.wrong.Hints); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
}
