package lifecycle

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/diagnosis"
	"slugc/cache/disk"
	"slugc/cache/testkit"
	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
)

// TestFailures holds whose fault a failed buildpack is.
func TestFailures(t *testing.T) {
	t.Parallel()
	var m Member
	m.Info.ID = "acme/cobol"
	for name, test := range map[string]struct {
		err    error
		report *diagnosis.Diagnosis
		want   fault.Error
		text   string
	}{
		"a crash": {
			&sandbox.ExitError{Code: 3}, nil,
			fault.Error{ID: "buildpack/broke", Owner: fault.Slugc, Code: fault.ExitBuildpack},
			"running buildpack acme/cobol: exited with code 3",
		},
		"a limit": {
			&sandbox.LimitError{Which: sandbox.LimitDeadline, Limit: time.Minute}, nil,
			fault.Error{ID: "build/limit", Owner: fault.App, Code: fault.ExitBuild},
			"running buildpack acme/cobol: stopped after 1m0s",
		},
		"a silent registry": {
			&sandbox.LimitError{Which: sandbox.LimitIdle, Limit: time.Minute},
			&diagnosis.Diagnosis{ID: "cobol/network", Summary: "`get` waits.", Transient: true, Waiting: true},
			fault.Error{ID: "cobol/network", Owner: fault.Transient, Code: fault.ExitTransient},
			"running buildpack acme/cobol: stopped after 1m0s without output: `get` waits.",
		},
		"a build that hangs": {
			&sandbox.LimitError{Which: sandbox.LimitIdle, Limit: time.Minute},
			&diagnosis.Diagnosis{ID: "cobol/build-hangs", Summary: "`make` does not end.", Waiting: true},
			fault.Error{ID: "cobol/build-hangs", Owner: fault.App, Code: fault.ExitBuild},
			"running buildpack acme/cobol: stopped after 1m0s without output: `make` does not end.",
		},
		"a crash while waiting": {
			&sandbox.ExitError{Code: 3},
			&diagnosis.Diagnosis{ID: "cobol/network", Summary: "`get` waits.", Transient: true, Waiting: true},
			fault.Error{ID: "buildpack/broke", Owner: fault.Slugc, Code: fault.ExitBuildpack},
			"running buildpack acme/cobol: exited with code 3",
		},
		"memory": {
			&sandbox.LimitError{Which: sandbox.LimitMemory, Used: 3e9, Max: 3e9}, nil,
			fault.Error{ID: "build/limit", Owner: fault.App, Code: fault.ExitBuild},
			"running buildpack acme/cobol: used 3.0 GB of memory, limit 3.0 GB",
		},
		"a full disk, by the build": {
			&sandbox.LimitError{Which: sandbox.LimitFree, Used: 1e9, Max: 2e9}, nil,
			fault.Error{ID: "disk/full", Owner: fault.Transient, Code: fault.ExitTransient},
			"running buildpack acme/cobol: left 1.0 GB of the disk free, limit 2.0 GB",
		},
		"a diagnosis": {
			&sandbox.ExitError{Code: 1},
			&diagnosis.Diagnosis{ID: "cobol/column-seven", Summary: "a.cob has no column seven.", Place: "a.cob:3"},
			fault.Error{ID: "cobol/column-seven", Owner: fault.App, Code: fault.ExitBuild, Place: "a.cob:3"},
			"a.cob has no column seven.",
		},
		"a transient diagnosis": {
			&sandbox.ExitError{Code: 1},
			&diagnosis.Diagnosis{ID: "cobol/network", Summary: "The network failed.", Transient: true},
			fault.Error{ID: "cobol/network", Owner: fault.Transient, Code: fault.ExitTransient},
			"The network failed.",
		},
		"a full disk": {
			disk.Reported(&sandbox.ExitError{Code: 1}, "cp: x: No space left on device\n"), nil,
			fault.Error{ID: "disk/full", Owner: fault.Transient, Code: fault.ExitTransient},
			"running buildpack acme/cobol: exited with code 1: no space left on device",
		},
		"a diagnosis of a full disk": {
			&sandbox.ExitError{Code: 1},
			&diagnosis.Diagnosis{ID: "disk/full", Summary: "write /app/x: no space left on device", Transient: true},
			fault.Error{ID: "disk/full", Owner: fault.Transient, Code: fault.ExitTransient},
			"write /app/x: no space left on device",
		},
		"no child at all": {
			errors.New("no more processes"), nil,
			fault.Error{ID: "slugc/internal", Owner: fault.Slugc, Code: fault.ExitSlugc},
			"running buildpack acme/cobol: no more processes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			report := filepath.Join(t.TempDir(), "diagnosis.json")
			if test.report != nil {
				if err := diagnosis.Write(report, test.report); err != nil {
					t.Fatal(err)
				}
			}
			got := fault.Of(failure(t.Context(), m, report, test.err))
			if got.Error() != test.text {
				t.Errorf("got %q, want %q", got.Error(), test.text)
			}
			marks := fault.Error{ID: got.ID, Owner: got.Owner, Code: got.Code, Place: got.Place}
			if diff := cmp.Diff(test.want, marks); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestBrokenOutput reads a file that a buildpack must not leave.
func TestBrokenOutput(t *testing.T) {
	t.Parallel()
	dir, before := layersOf(t, nil)
	testkit.Write(t, filepath.Join(dir, "jre.toml"), "types = 3")
	_, err := before.collect(opened(t, dir))
	if err == nil {
		t.Fatal("it was read")
	}
	var m Member
	m.Info.ID = "acme/cobol"
	f := fault.Of(brokenOutput(m, err))
	if f.ID != "buildpack/broken-output" || f.Code != fault.ExitBuildpack || len(f.Hints) == 0 {
		t.Errorf("got %+v", f)
	}
}
