package hostile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// TestManyFiles builds, on a disk with room for few files, an app that takes the room of all: it is stopped
// before the others have none, and the disk is at fault, not the app.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"bubblewrap", "landlock", "none"} {
		for _, uid := range users() {
			t.Run(fmt.Sprintf("%s as %d", level, uid), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, level, uid)
				if !p.mountState(t, "nr_inodes=20000") {
					return
				}
				w := &world{place: p, app: "files", mark: testkit.Marker()}
				source := filepath.Join(p.dir, "source", w.app)
				slugctest.ToyApp(t, source, 0)
				testkit.Write(t, filepath.Join(source, "build.sh"), "cd node_modules\n"+
					"for i in $(seq 19400); do : >$i || exit; done; sleep "+w.mark+"\n")
				o := w.run(t)
				for _, want := range []string{
					"[disk/full]", "running buildpack slugc/node: left room for ", " files on the disk, limit 1000",
					"make room on the disk",
				} {
					if !strings.Contains(o.Stderr, want) {
						t.Errorf("slugc does not say %q", want)
					}
				}
				if o.Exit != 75 || t.Failed() {
					t.Errorf("exit %d:\n%s", o.Exit, o.Stderr)
				}
				testkit.NoProcess(t, w.mark)
			})
		}
	}
}

// mountState puts the state directory on a small disk of its own. It returns false where the test may not.
func (p *place) mountState(t *testing.T, options string) bool {
	t.Helper()
	if err := unix.Mount("none", p.state, "tmpfs", 0, "mode=700,size=1g,"+options); err != nil {
		t.Logf("not tried on a small disk: mounting one: %v", err)
		return false
	}
	t.Cleanup(func() {
		if err := unix.Unmount(p.state, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chown(p.state, p.uid, p.uid); err != nil {
		t.Fatal(err)
	}
	return true
}
