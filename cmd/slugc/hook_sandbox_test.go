package main

import (
	"context"
	"testing"

	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
)

// TestNeverNone holds that a hook builds at level none only when it was told to.
func TestNeverNone(t *testing.T) {
	t.Parallel()
	none := func(ctx context.Context) (*sandbox.Sandbox, error) {
		return sandbox.Probe(ctx, sandbox.ProbeOptions{Want: sandbox.None})
	}
	if box, err := neverNone(sandbox.None, none)(t.Context()); err != nil || box.Level() != sandbox.None {
		t.Errorf("with the setting: %v", err)
	}
	box, err := neverNone("", none)(t.Context())
	if f := fault.Of(err); box != nil || f.ID != "push/no-sandbox" || len(f.Hints) == 0 {
		t.Errorf("without the setting: %+v", f)
	}
}
