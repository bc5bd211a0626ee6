package lifecycle

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/diagnosis"
	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
)

// TestFailures says whose fault a failed buildpack is.
func TestFailures(t *testing.T) {
	var m Member
	m.Info.ID = "acme/cobol"
	for name, test := range map[string]struct {
		err    error
		report *diagnosis.Diagnosis
		want   fault.Error
		text   string
	}{
		"a crash": {&sandbox.ExitError{Code: 3}, nil,
			fault.Error{ID: "buildpack/broke", Owner: fault.Slugc, Code: fault.ExitBuildpack}, "running buildpack acme/cobol: exited with code 3"},
		"a limit": {&sandbox.LimitError{Which: sandbox.LimitDeadline, Limit: time.Minute}, nil,
			fault.Error{ID: "build/limit", Owner: fault.App, Code: fault.ExitBuild}, "running buildpack acme/cobol: stopped after 1m0s"},
		"a diagnosis": {&sandbox.ExitError{Code: 1}, &diagnosis.Diagnosis{ID: "cobol/column-seven", Summary: "a.cob has no column seven.", Place: "a.cob:3"},
			fault.Error{ID: "cobol/column-seven", Owner: fault.App, Code: fault.ExitBuild, Place: "a.cob:3"}, "a.cob has no column seven."},
		"a transient diagnosis": {&sandbox.ExitError{Code: 1}, &diagnosis.Diagnosis{ID: "cobol/network", Summary: "The network failed.", Transient: true},
			fault.Error{ID: "cobol/network", Owner: fault.Transient, Code: fault.ExitTransient}, "The network failed."},
		"no child at all": {errors.New("no more processes"), nil,
			fault.Error{ID: "slugc/internal", Owner: fault.Slugc, Code: fault.ExitSlugc}, "running buildpack acme/cobol: no more processes"},
	} {
		t.Run(name, func(t *testing.T) {
			report := filepath.Join(t.TempDir(), "diagnosis.json")
			if test.report != nil {
				if err := diagnosis.Write(report, test.report); err != nil {
					t.Fatal(err)
				}
			}
			got := fault.Of((&runner{}).failure(t.Context(), m, report, test.err))
			if got.Error() != test.text {
				t.Errorf("got %q, want %q", got.Error(), test.text)
			}
			if diff := cmp.Diff(test.want, fault.Error{ID: got.ID, Owner: got.Owner, Code: got.Code, Place: got.Place}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestBrokenOutput reads what no buildpack may leave.
func TestBrokenOutput(t *testing.T) {
	dir := t.TempDir()
	was, err := restore(dir, filepath.Join(t.TempDir(), "aside"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "jre.toml"), []byte("types = 3"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err = was.collect("acme/cobol", dir, false, false); err == nil {
		t.Fatal("it was read")
	}
	var m Member
	m.Info.ID = "acme/cobol"
	if f := fault.Of(broke(m, err)); f.ID != "buildpack/broken-output" || f.Code != fault.ExitBuildpack ||
		len(f.Hints) == 0 {
		t.Errorf("got %+v", f)
	}
}
