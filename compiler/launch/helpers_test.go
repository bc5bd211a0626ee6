package launch_test

import (
	"os"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/procfile"
)

// A process must not see this variable of the test process.
func TestMain(m *testing.M) {
	os.Setenv("SLUGC_TEST_SECRET", "1")
	os.Exit(m.Run())
}

// child returns the path of the binary that stands for slugc.
func child(t testing.TB) string {
	t.Helper()
	return testkit.Program(t, "./testdata/child")
}

// processes returns a Procfile's entries from type, command, type, command.
func processes(pairs ...string) []procfile.Process {
	var list []procfile.Process
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, procfile.Process{Type: pairs[i], Command: pairs[i+1]})
	}
	return list
}
