package program

import (
	"io"
	"strings"
	"testing"

	"slugc/compiler/sandbox"
)

// TestTail holds that the end of an output is kept, and that all of it is passed on.
func TestTail(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	out := &Tail{To: &all}
	for range 3000 {
		if _, err := io.WriteString(out, "0123456789"); err != nil {
			t.Fatal(err)
		}
	}
	if all.Len() != 30000 || out.String() != all.String()[30000-tailSize:] {
		t.Errorf("passes on %d bytes, keeps %d", all.Len(), len(out.String()))
	}
}

// TestBecause holds what is said of a program that has failed.
func TestBecause(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"":                       "running x: exited with code 3",
		" \n\t\n":                "running x: exited with code 3",
		"a\nlast: no file \n\n":  "running x: exited with code 3: last: no file",
		"a\n !  First.\n !  b\n": "running x: exited with code 3: First.",
		"\x1b[31mred\x1b[0m\n":   "running x: exited with code 3: red",
	} {
		if got := Because("running x", &sandbox.ExitError{Code: 3}, output).Error(); got != want {
			t.Errorf("after %q: %q, want %q", output, got, want)
		}
	}
}
