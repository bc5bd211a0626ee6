package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

func TestNoise(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`npm warn Unknown env config "nodedir". This will stop`:       true,
		`npm warn Unknown env config "mine". This will stop`:          false,
		"npm warn logfile Log files were not written due to an error": true,
		"added 3 packages": false,
	} {
		if noise(line) != want {
			t.Errorf("%q: %t", line, !want)
		}
	}
}

// TestUnrecognised holds the diagnosis of a failure that no pattern recognises: what to do, then
// the tool's last lines.
func TestUnrecognised(t *testing.T) {
	t.Parallel()
	b := &work{}
	b.node.Version = "22.23.3"
	failure := unknown("node/build-script-failed", b.reproduceHint([]string{"npm", "run", "build"}))
	f := &command.Failure{
		Command: "npm run build",
		Status:  "exit status 3",
		Tail:    []byte("a\n\n  at f (x.js:1)\nlast words\ninfo Visit https://yarn.example\n"),
	}
	want := &diagnosis.Diagnosis{
		ID:      "node/build-script-failed",
		Summary: "`npm run build` failed (exit status 3).",
		Hints: []string{
			"run `npm run build` in a fresh clone with Node.js 22.23.3: " +
				"what it needs must be committed, or named in package.json",
			"it said: a", "it said: last words",
		},
	}
	if diff := cmp.Diff(want, f.Unrecognised(failure)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f.Status = "exit status 137"
	if d := f.Unrecognised(failure); d.ID != "node/out-of-memory" || len(d.Hints) != 1 ||
		!strings.Contains(d.Hints[0], "max_old_space_size") {
		t.Errorf("got %+v", d)
	}
}
