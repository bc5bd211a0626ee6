package command

import (
	"testing"
	"time"
)

// SetAfterlife changes how long output is read after a program's end, until the test ends.
func SetAfterlife(t *testing.T, d time.Duration) {
	old := afterlife
	t.Cleanup(func() { afterlife = old })
	afterlife = d
}
