package golang_test

import (
	"testing"

	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
)

// TestSteps holds that the hooks and the compiler run without network where the network is for what fetches
// modules: the prefix of such commands stands in for a network namespace.
func TestSteps(t *testing.T) {
	t.Parallel()
	b := newApp(t, map[string]string{
		"main.go":             "package main\n\nfunc main() {}\n",
		"bin/go-pre-compile":  "echo \"pre ${STEP:-online}\"",
		"bin/go-post-compile": "echo \"post ${STEP:-online}\"",
	})
	b.Steps.Offline = command.Step{Prefix: []string{"/usr/bin/env", "STEP=offline"}, Hint: "no network"}
	b.build().Says(t, "pre offline", "post offline", "Built bin/app")

	b.Steps = extension.Steps{Online: b.Steps.Offline, Offline: b.Steps.Offline}
	b.Write("main.go", "package main\n\nfunc main() { wrong }\n")
	if d := b.MustFail("go/compile-failed").Diagnosis; d.Hints[len(d.Hints)-1] != "no network" {
		t.Errorf("the diagnosis of a command without network has the hints %q", d.Hints)
	}
}
