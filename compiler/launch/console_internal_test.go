package launch

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzEachLine holds that a process's output is split at every newline and at none other, however it arrives.
func FuzzEachLine(f *testing.F) {
	f.Add([]byte("a\r\n\nb"))
	f.Add([]byte("\r\n\r"))
	f.Add(bytes.Repeat([]byte("x"), 70<<10))
	f.Fuzz(func(t *testing.T, output []byte) {
		var want []string
		for line := range strings.SplitAfterSeq(string(output), "\n") {
			if line != "" {
				want = append(want, strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
			}
		}
		var got []string
		eachLine(iotest.HalfReader(bytes.NewReader(output)), func(line []byte) { got = append(got, string(line)) })
		if !slices.Equal(want, got) {
			t.Errorf("%q is split into %q, want %q", output, got, want)
		}
	})
}
