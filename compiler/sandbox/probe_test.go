package sandbox_test

import (
	"os"
	"path/filepath"
	"testing"

	"slugc/compiler/sandbox"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "bwrap")
	broken := filepath.Join(t.TempDir(), "bwrap")
	script := "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n"
	if err := os.WriteFile(broken, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	self, landlock := child(t), at(t, sandbox.Landlock).Level()
	tests := map[string]struct {
		options sandbox.ProbeOptions
		level   sandbox.Level
		reason  string
	}{
		"not installed": {
			sandbox.ProbeOptions{Bwrap: missing, Self: self}, landlock, "bubblewrap is not installed",
		},
		"not permitted": {
			sandbox.ProbeOptions{Bwrap: broken, Self: self}, landlock, "user namespaces are not permitted",
		},
		"nothing": {
			sandbox.ProbeOptions{Bwrap: missing}, sandbox.None,
			"bubblewrap is not installed; landlock needs the path of the slugc binary",
		},
		"the level none is wanted": {sandbox.ProbeOptions{Want: sandbox.None}, sandbox.None, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box, err := sandbox.Probe(t.Context(), test.options)
			if err != nil {
				t.Fatal(err)
			}
			if box.Level() != test.level || box.Reason() != test.reason {
				t.Errorf("got %s, because %q", box.Level(), box.Reason())
			}
			if got := output(t, box, "sleep 1000 & echo runs"); got != "runs" {
				t.Errorf("the child wrote %q", got)
			}
		})
	}
	for _, options := range []sandbox.ProbeOptions{
		{Want: sandbox.Bubblewrap, Bwrap: missing}, {Want: "jail"}, {Want: sandbox.Landlock},
	} {
		if _, err := sandbox.Probe(t.Context(), options); err == nil {
			t.Errorf("%+v: no error", options)
		}
	}
}
