package supervise

import (
	"fmt"
	"testing"
)

// FuzzParseStat holds that no name of a program changes what is read of its process.
func FuzzParseStat(f *testing.F) {
	for _, name := range []string{"sh", "a) Z 1 (b", ")", "\n", "", "\xff)))"} {
		f.Add(name, 1, byte('S'))
	}
	f.Fuzz(func(t *testing.T, name string, pid int, state byte) {
		state = 'A' + state%26
		stat := fmt.Sprintf("7 (%s) %c %d 7 7 0 -1 4194304\n", name, state, pid)
		if parent, got, ok := parseStat([]byte(stat)); !ok || parent != pid || got != state {
			t.Errorf("%q is read as parent %d, state %c, %v", stat, parent, got, ok)
		}
		parseStat([]byte(name)) // no panic
	})
}
