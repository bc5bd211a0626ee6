package compiler

import (
	"testing"
	"time"

	"slugc/compiler/lifecycle"
	"slugc/compiler/sandbox"
	"slugc/detect/descriptor"
)

// TestDescribedLowers holds that an app's own files lower what the builder permits, and never raise it.
func TestDescribedLowers(t *testing.T) {
	t.Parallel()
	b := &build{Request: Request{
		Limit: 100, Limits: sandbox.Limits{Deadline: time.Hour, Memory: 1 << 30}, Network: lifecycle.InstallNetwork,
	}}
	var d Described
	limits := &d.Settings.Limits
	if got := b.limits(d); got != b.Limits || b.sizeLimit(d) != 100 || b.network(d) != lifecycle.InstallNetwork {
		t.Errorf("without a word of the app: %+v", got)
	}
	limits.Timeout, limits.Memory, limits.Size = descriptor.Duration(2*time.Hour), 2<<30, 200
	d.Settings.Network = string(lifecycle.FullNetwork)
	if got := b.limits(d); got != b.Limits || b.sizeLimit(d) != 100 || b.network(d) != lifecycle.InstallNetwork {
		t.Errorf("an app raises its limits: %+v", got)
	}
	limits.Timeout, limits.Memory, limits.Size, limits.Disk = descriptor.Duration(time.Minute), 1<<20, 50, 1<<20
	d.Settings.Network = string(lifecycle.NoNetwork)
	want := sandbox.Limits{Deadline: time.Minute, Memory: 1 << 20, Disk: 1 << 20}
	if got := b.limits(d); got != want || b.sizeLimit(d) != 50 || b.network(d) != lifecycle.NoNetwork {
		t.Errorf("an app cannot lower its limits: %+v", got)
	}
}
