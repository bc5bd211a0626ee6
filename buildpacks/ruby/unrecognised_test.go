package ruby

import (
	"errors"
	"strings"
	"testing"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/toolchain"
)

// TestUnrecognised: a failure that no pattern knows is named with the command, its status and its last lines; one by the kernel's hand as want of memory.
func TestUnrecognised(t *testing.T) {
	tail := []byte("Fetching rack\n\nsomething that nobody has seen\n\tfrom /usr/lib/ruby/x.rb:1:in `y'\n")
	for _, id := range []string{"ruby/install-failed", "ruby/clean-failed", "ruby/bundler-unavailable"} {
		b := &work{}
		err := b.diagnose(id, &failure{command: "bundle install", status: "exit status 9", tail: tail}, nil)
		d, ok := errors.AsType[*diagnosis.Diagnosis](err)
		if !ok || d.ID != id || d.Summary != "`bundle install` failed (exit status 9)." {
			t.Fatalf("%s: %+v", id, err)
		}
		if said := strings.Join(d.Hints, "\n"); said != "it said: Fetching rack\nit said: something that nobody has seen" {
			t.Errorf("%s: hints %q", id, d.Hints)
		}
	}
	d := unrecognised("ruby/install-failed", &failure{command: "bundle install", status: killed})
	if d.ID != "ruby/out-of-memory" || len(d.Hints) != 1 {
		t.Errorf("killed: %+v", d)
	}
	if err := (&work{}).diagnose("ruby/install-failed", errors.New("no such program"), nil); err == nil || err.Error() != "no such program" {
		t.Errorf("an error that is no failure of a command: %v", err)
	}
}

// TestNoToolchain: what a foreign platform's build says when no source has the Ruby that is asked for.
func TestNoToolchain(t *testing.T) {
	none := &toolchain.Unavailable{Tool: "ruby", Constraint: "9.9.9", From: "Gemfile", Tried: []toolchain.SourceError{{Source: "Ruby mirror", Err: errors.New("it is not set")}}}
	d, ok := errors.AsType[*diagnosis.Diagnosis](noToolchain("Gemfile", none))
	if !ok || d.ID != "ruby/version-unavailable" || d.Transient || !strings.Contains(d.Summary, "9.9.9") || !strings.Contains(d.Summary, "it is not set") {
		t.Errorf("got %+v", d)
	}
	if err := noToolchain("Gemfile", errors.New("disk")); err == nil || err.Error() != "finding Ruby: disk" {
		t.Errorf("got %v", err)
	}
}
