package command

import (
	"testing"
	"time"
)

// SetOutputGrace changes how long output is read after a program has ended, until the test ends.
func SetOutputGrace(t *testing.T, d time.Duration) {
	old := outputGrace
	t.Cleanup(func() { outputGrace = old })
	outputGrace = d
}
