package node_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
)

// TestFailingSteps breaks a build at each of its steps, in a way that no pattern recognises.
func TestFailingSteps(t *testing.T) {
	manifest := func(more string) string {
		return `{"name": "app", "scripts": {"start": "node x.js"` + more + `}`
	}
	lock := func(root, packages string) string {
		return `{"name": "app", "lockfileVersion": 3, "packages": {"": {"name": "app"` + root + `}` + packages + `}}`
	}
	const (
		dev = `, "devDependencies": {"lib": "file:lib"}`
		odd = `, "dependencies": {"odd": "odd:1"}`
		lib = `, "lib": {"version": "1.0.0", "dev": true}, "node_modules/lib": {"resolved": "lib", "link": true}`
	)
	for _, test := range []struct{ id, manifest, lock string }{
		{"node/prebuild-script-failed", manifest(`, "heroku-prebuild": "exit 3"}`), lock("", "")},
		{"node/cleanup-script-failed", manifest(`, "heroku-cleanup": "exit 3"}`), lock("", "")},
		{"node/install-failed", manifest(`}` + odd), lock(odd, "")},
		{"node/prune-failed", manifest(`, "build": "echo broken >package.json"}` + dev), lock(dev, lib)},
	} {
		t.Run(test.id, func(t *testing.T) {
			t.Parallel()
			b := newWarmBench(t, "node-no-start")
			b.Write("package.json", test.manifest)
			b.Write("package-lock.json", test.lock)
			b.Write("x.js", "")
			b.Write("lib/package.json", `{"name": "lib", "version": "1.0.0"}`)
			if got := b.fail(test.id); len(got.Diagnosis.Hints) == 0 {
				t.Errorf("the diagnosis has no hint: %+v", got.Diagnosis)
			}
		})
	}
}

// TestNoSuchNode asks for a Node that no source has, on a platform that fetches nothing.
func TestNoSuchNode(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, "node-no-start")
	b.foreign = true
	b.Write("package.json", `{"name": "app", "engines": {"node": "9999.x"}, "scripts": {"start": "node x.js"}}`)
	wrong := b.fail("node/version-unavailable").Diagnosis
	if !strings.Contains(wrong.Summary, "(it has ") {
		t.Errorf("the summary is %q", wrong.Summary)
	}
	hint := "ask in package.json engines.node for a version of node that one of the sources has"
	if diff := cmp.Diff([]string{hint}, wrong.Hints); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
}

// TestStepsWithoutNetwork holds which scripts run without network where the network is for installs: the
// prefix of such commands stands in for a network namespace.
func TestStepsWithoutNetwork(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, "node-no-start")
	b.Steps.Offline = command.Step{Prefix: []string{"/usr/bin/env", "STEP=offline"}, Hint: "no network"}
	const scripts = `"heroku-prebuild": "echo prebuild $STEP", "preinstall": "echo \"install online$STEP\" >installed",
		"build": "cat installed && echo build $STEP", "heroku-cleanup": "echo cleanup $STEP", "start": "node x.js"`
	b.Write("package.json", `{"name": "app", "scripts": {`+scripts+`}}`)
	b.Write("package-lock.json", `{"name": "app", "lockfileVersion": 3, "packages": {"": {"name": "app"}}}`)
	b.Write("x.js", "")
	b.build().Says(t, "prebuild offline", "install online\n", "build offline", "cleanup offline")
}
