package fault_test

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
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

// TestTrouble holds that trouble of the machine has one id and exit code, whatever mark it has met.
func TestTrouble(t *testing.T) {
	t.Parallel()
	full := &fs.PathError{Op: "write", Path: "/home/x", Err: syscall.ENOSPC}
	readOnly := &fs.PathError{Op: "open", Path: "/srv/y", Err: syscall.EROFS}
	forbidden := &fs.PathError{Op: "open", Path: "/srv/z", Err: syscall.EACCES}
	app := func(err error) error { return fault.AppError("x/y", err, "rename it") }
	for name, test := range map[string]struct {
		err   error
		id    string
		code  int
		text  string
		hints int
	}{
		"unmarked":       {fmt.Errorf("staging: %w", full), "disk/full", 75, "staging: " + full.Error(), 1},
		"the app's":      {app(full), "disk/full", 75, full.Error(), 1},
		"a buildpack's":  {fault.New(fault.Slugc, 52, "x/y", syscall.EIO), "disk/error", 75, "input/output error", 1},
		"tried again":    {fault.TransientError("x/y", full, "look first"), "disk/full", 75, full.Error(), 2},
		"joined":         {errors.Join(app(errors.New("x")), full), "disk/full", 75, "x\n" + full.Error(), 1},
		"only the cause": {app(lost{full}), "disk/full", 75, "written (/home/x)", 1},
		"named":          {fault.UsageError("x/y", readOnly, "name another"), "x/y", 2, readOnly.Error(), 1},
		"forbidden":      {forbidden, "disk/permission", 42, forbidden.Error(), 1},
		"read-only":      {readOnly, "disk/read-only", 75, readOnly.Error(), 1},
	} {
		f := fault.Of(test.err)
		if f.ID != test.id || f.Code != test.code || f.Error() != test.text || len(f.Hints) != test.hints {
			t.Errorf("%s: got %q %d %q %q", name, f.ID, f.Code, f.Error(), f.Hints)
		}
		if again := fault.Of(fmt.Errorf("%w", f)); again.ID != f.ID || again.Error() != f.Error() ||
			len(again.Hints) != len(f.Hints) {
			t.Errorf("%s: marked again it is %q %q %q", name, again.ID, again.Error(), again.Hints)
		}
	}
}

// lost is an error whose text does not have its cause.
type lost struct{ cause error }

func (lost) Error() string   { return "written" }
func (l lost) Unwrap() error { return l.cause }

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
