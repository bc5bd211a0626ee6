package lifecycle

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

// TestLend holds which directories of the machine a buildpack of others sees after a built-in one: the toolchains that
// its build layers lead to, and no others.
func TestLend(t *testing.T) {
	t.Parallel()
	layer := testkit.Tree(t, t.TempDir(), map[string]string{"bin/own": "", "lib/own": ""})
	for name, target := range map[string]string{
		"bin/node": "/toolchains/node-22/bin/node", "lib/x": "/toolchains/../etc/x", "y": "/toolchains", "z": "own",
	} {
		if err := os.Symlink(target, filepath.Join(layer, name)); err != nil {
			t.Fatal(err)
		}
	}
	b := &builder{Config: Config{Binds: []sandbox.Bind{
		{Host: "/var/slugc/toolchains", Inside: "/toolchains"}, {Host: "/etc/npmrc", Inside: "/etc/npmrc"},
		{Host: "/var/written", Inside: "/written", Writable: true},
	}}}
	b.lend(opened(t, layer), []change{
		{name: "JAVA_HOME", value: "/toolchains/jdk-21"}, {name: "NPM_CONFIG_USERCONFIG", value: "/etc/npmrc"},
		{name: "PATH", value: "/usr/bin:/toolchains/node-22/bin:/written/x"},
	})
	want := []sandbox.Bind{
		{Host: "/var/slugc/toolchains/jdk-21", Inside: "/toolchains/jdk-21"},
		{Host: "/var/slugc/toolchains/node-22", Inside: "/toolchains/node-22"},
	}
	if diff := cmp.Diff(want, b.lent); diff != "" {
		t.Error(diff)
	}
}
