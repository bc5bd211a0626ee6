package ruby

import (
	"errors"
	"strings"
	"testing"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

// TestUnrecognised checks the diagnosis of a failure that no pattern recognises, and of a command that
// the kernel killed.
func TestUnrecognised(t *testing.T) {
	tail := []byte("Fetching rack\n\nsomething new\n\tfrom /usr/lib/ruby/x.rb:1:in `y'\n")
	for _, id := range []string{"ruby/install-failed", "ruby/clean-failed", "ruby/bundler-unavailable"} {
		err := diagnose(id, &command.Failure{Command: "bundle install", Status: "exit status 9", Tail: tail}, nil)
		d, ok := errors.AsType[*diagnosis.Diagnosis](err)
		if !ok || d.ID != id || d.Summary != "`bundle install` failed (exit status 9)." {
			t.Fatalf("%s: %+v", id, err)
		}
		if said := strings.Join(d.Hints,
			"\n"); said != "it said: Fetching rack\nit said: something new" {
			t.Errorf("%s: hints %q", id, d.Hints)
		}
	}
	err := diagnose("ruby/install-failed", &command.Failure{Command: "bundle install", Status: "signal: killed"}, nil)
	if d, ok := errors.AsType[*diagnosis.Diagnosis](err); !ok || d.ID != "ruby/out-of-memory" || len(d.Hints) != 1 {
		t.Errorf("killed: %+v", err)
	}
}

// TestBusySource: a gem source that answers with an error of its own is not the app's fault.
func TestBusySource(t *testing.T) {
	tail := []byte("Fetching source index from http://gems.test/\n" +
		"Could not fetch specs from http://gems.test/ due to underlying error\n" +
		"<bad response Service Unavailable 503 (http://gems.test/specs.4.8.gz)>\n")
	err := diagnose("ruby/install-failed",
		&command.Failure{Command: "bundle install", Status: "exit status 17", Tail: tail}, diagnosis.Network("ruby"))
	d, ok := errors.AsType[*diagnosis.Diagnosis](err)
	if !ok || d.ID != "ruby/network" || !d.Transient || !strings.Contains(d.Summary, "gems.test") {
		t.Errorf("got %+v", err)
	}
}
