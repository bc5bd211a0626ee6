package ruby_test

import (
	"strings"
	"testing"

	"slugc/buildpacks/buildpacktest"
)

// TestGemSourceFaults breaks the gem source in every way: the build says so, with the host, and whether trying
// again may help. What was damaged is not in the way of the next build.
func TestGemSourceFaults(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t)
	b.Config["BUNDLE_RETRY"] = "0"
	b.Config["BUNDLE_TIMEOUT"] = "60" // longer than it takes to note what is waited for
	host := strings.TrimPrefix(b.gems.URL, "http://")
	for _, test := range []struct {
		fault, path, id string
		transient       bool
	}{
		{"404", ".gem", "ruby/gem-missing", false},
		{"500", ".gem", "ruby/network", true},
		{"reset", ".gem", "ruby/network", true},
		{"short", ".gem", "ruby/network", true},
		{"altered", ".gem", "ruby/network", true},
		{"altered", "/info/", "ruby/checksum-mismatch", false},
	} {
		t.Run(test.fault+" "+test.path, func(t *testing.T) {
			b.T = t
			b.rewarm()
			b.gems.Break(test.path, buildpacktest.Faults[test.fault])
			got := b.mustFail(app(rack), test.id)
			if got.Diagnosis.Transient != test.transient || !strings.Contains(got.Diagnosis.Summary, host) {
				t.Errorf("got %+v, want one of %s, transient is %t\n%s", got.Diagnosis, host, test.transient, got.Log)
			}
		})
	}
	b.T = t
	b.gems.Break("", nil)
	b.mustBuild(app(rack))

	b.forget()
	b.rewarm()
	b.gems.Break("", buildpacktest.Faults["silent"])
	b.source(app(rack))
	want := "`bundle install` waits on " + host + " (" + host + ")."
	if d := b.MustWait(); d.ID != "ruby/network" || !d.Transient || d.Summary != want {
		t.Errorf("got %+v", d)
	}
}
