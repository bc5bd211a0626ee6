package sandbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

// TestStep runs steps with the network and without it at each level: what they reach, whether loopback works
// as Offline says, and that no capability is left to them.
func TestStep(t *testing.T) {
	t.Parallel()
	address := listen(t, "tcp", "127.0.0.1:0").String()
	program := testkit.Program(t, "./testdata/attempt")
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		by, err := box.Offline(t.Context())
		if err != nil || (box.Level() == sandbox.Bubblewrap && by != sandbox.ByNamespace) {
			t.Errorf("the network is taken by a %q (%v)", by, err)
		}
		own := sandbox.Bind{Host: filepath.Dir(program), Inside: "/attempt"}
		slugc := sandbox.Bind{Host: child(t), Inside: child(t)}
		for _, offline := range []bool{false, true} {
			// The child itself starts the step, as a buildpack does.
			argv := append(box.Step(offline), "/bin/sh", "-c", `"$@"; grep CapEff /proc/self/status`, "sh",
				filepath.Join(box.Path(own), filepath.Base(program)), "network", address)
			spec, out := sh(`"$@"`, own, slugc)
			spec.Args, spec.Network, spec.Steps = append(append(spec.Args, "sh"), argv...), true, true
			if err := box.Run(t.Context(), spec); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if got := out.Contains(secret); got == offline {
				t.Errorf("offline is %t, and the step reaches the server: %t\n%s", offline, got, out)
			}
			if got, want := out.Contains("LOOPBACK"), !offline || by == sandbox.ByNamespace; got != want {
				t.Errorf("offline is %t, and loopback works: %t, want %t\n%s", offline, got, want, out)
			}
			root := box.Level() == sandbox.None && os.Getuid() == 0
			if capable := !strings.Contains(out.String(), "CapEff:\t0000000000000000"); capable != root {
				t.Errorf("the step has capabilities: %t\n%s", capable, out)
			}
		}
	})
}

// TestStepFails holds what a step that cannot start says.
func TestStepFails(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		spec, out := sh("", sandbox.Bind{Host: child(t), Inside: child(t)})
		spec.Args, spec.Network, spec.Steps = append(box.Step(true), "/no/such"), true, true
		err := box.Run(t.Context(), spec)
		if err == nil || !out.Contains(`running "/no/such": no such file or directory`) {
			t.Errorf("%v: %s", err, out)
		}
	})
}
