package sandbox_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

// TestMemory holds that a probe's answer is used again, and when it is not.
func TestMemory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sandbox.json")
	found := func(o sandbox.ProbeOptions) string {
		o.Want, o.Memory = sandbox.None, file
		box, err := sandbox.Probe(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return box.Reason()
	}
	if why := found(sandbox.ProbeOptions{}); why != "" {
		t.Errorf("the first probe: %q", why)
	}
	text := testkit.Read(t, file)
	kept := text[:len(text)-1] + `,"reason":"it was kept"}`
	for name, test := range map[string]struct {
		text string
		age  time.Duration
		o    sandbox.ProbeOptions
		want string
	}{
		"the same":              {kept, 0, sandbox.ProbeOptions{}, "it was kept"},
		"another directory":     {kept, 0, sandbox.ProbeOptions{Temp: t.TempDir()}, ""},
		"another bubblewrap":    {kept, 0, sandbox.ProbeOptions{Bwrap: "/bin/sh"}, ""},
		"of the day before":     {kept, 25 * time.Hour, sandbox.ProbeOptions{}, ""},
		"damaged":               {kept[1:], 0, sandbox.ProbeOptions{}, ""},
		"nothing":               {"", 0, sandbox.ProbeOptions{}, ""},
		"larger than any other": {kept + string(make([]byte, 1<<20)), 0, sandbox.ProbeOptions{}, ""},
	} {
		testkit.Write(t, file, test.text)
		when := time.Now().Add(-test.age)
		if err := os.Chtimes(file, when, when); err != nil {
			t.Fatal(err)
		}
		if got := found(test.o); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
