package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"slugc/compiler/fault"
)

func TestOf(t *testing.T) {
	t.Parallel()
	cause := errors.New("line 3: no colon")
	marked := fault.AppError("procfile/unparsable-line", cause, "add a colon").At("Procfile:%d", 3)
	tests := []struct {
		name  string
		err   error
		id    string
		owner fault.Owner
		code  int
		text  string
	}{
		{"unmarked is slugc's own", cause, "slugc/internal", fault.Slugc, 1, "line 3: no colon"},
		{"marked", marked, "procfile/unparsable-line", fault.App, 51, "line 3: no colon"},
		{
			"wrapped keeps the mark and the outer text",
			fmt.Errorf("reading %q: %w", "Procfile", marked),
			"procfile/unparsable-line", fault.App, 51, `reading "Procfile": line 3: no colon`,
		},
		{
			"joined", errors.Join(errors.New("cleaning up"), marked),
			"procfile/unparsable-line", fault.App, 51, "cleaning up\nline 3: no colon",
		},
		{"usage", fault.UsageError("usage/flag", cause), "usage/flag", fault.Usage, 2, "line 3: no colon"},
		{"transient", fault.TransientError("x/y", cause), "x/y", fault.Transient, 75, "line 3: no colon"},
		{
			"a code of its own", fault.New(fault.App, fault.ExitPack, "slug/too-large", cause),
			"slug/too-large", fault.App, 62, "line 3: no colon",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := fault.Of(test.err)
			if f.ID != test.id || f.Owner != test.owner || f.Code != test.code || f.Error() != test.text {
				t.Errorf("got %q %s %d %q", f.ID, f.Owner, f.Code, f.Error())
			}
			if !errors.Is(f, cause) {
				t.Error("the cause is lost")
			}
		})
	}
	if fault.Of(nil) != nil {
		t.Error("no error has a fault")
	}
	if f := fault.Of(fmt.Errorf("x: %w", marked)); f.Place != "Procfile:3" || len(f.Hints) != 1 {
		t.Errorf("place %q, hints %q", f.Place, f.Hints)
	}
}

func ExampleOf() {
	err := fault.AppError("ruby/lockfile-missing", errors.New("Gemfile.lock is missing"),
		"run `bundle lock` and commit Gemfile.lock")
	f := fault.Of(fmt.Errorf("building blog: %w", err))
	fmt.Println(f.Owner, f.Code, f.ID)
	fmt.Println(f)
	fmt.Println("hint:", f.Hints[0])
	// Output:
	// app 51 ruby/lockfile-missing
	// building blog: Gemfile.lock is missing
	// hint: run `bundle lock` and commit Gemfile.lock
}
