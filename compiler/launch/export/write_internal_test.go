package export

import (
	"bytes"
	"slices"
	"testing"
)

// FuzzHasLine holds that a file is an export's own only if the whole mark is a line of it.
func FuzzHasLine(f *testing.F) {
	mark := markLine("systemd", "blog")
	f.Add([]byte("[Unit]\n"+mark+"\nA=1\n"), mark)
	f.Add([]byte("# copied: "+mark), mark)
	f.Add([]byte(mark+"\r\n"), mark)
	f.Fuzz(func(t *testing.T, text []byte, line string) {
		if bytes.ContainsAny([]byte(line), "\n") || line == "" {
			return
		}
		lines := bytes.Split(text, []byte("\n"))
		want := slices.ContainsFunc(lines, func(l []byte) bool { return string(l) == line })
		if got := hasLine(text, line); got != want {
			t.Errorf("%q has the line %q: %v, want %v", text, line, got, want)
		}
	})
}
