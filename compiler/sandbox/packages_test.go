package sandbox_test

import (
	"os"
	"strings"
	"testing"

	"slugc/compiler/sandbox"
)

// TestPackages holds that apt-get finds the machine's package sources in the sandbox, and can change nothing.
func TestPackages(t *testing.T) {
	t.Parallel()
	binds, err := sandbox.Packages(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/usr/bin/apt-get"); err != nil {
		if binds != nil {
			t.Errorf("without apt there are %v", binds)
		}
		return
	}
	each(t, isolating, func(t *testing.T, box *sandbox.Sandbox) {
		got := output(t, box, `apt-get -o Dir::Cache=/nowhere indextargets 2>&1 | grep -c ^MetaKey
			[ -r /var/lib/dpkg/status ] && echo status
			for f in /etc/apt/sources.list /var/lib/dpkg/status
			do (: >> $f) 2>/dev/null && echo REACHED; done; true`, binds...)
		if count, rest, _ := strings.Cut(got, "\n"); count == "0" || rest != "status" {
			t.Errorf("the child says %q", got)
		}
	})
	refuses(t, at(t, sandbox.Bubblewrap), `[ -f /etc/apt/sources.list ] || echo REACHED`, binds...)
}
