package local

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// TestExplain says whose fault it is that the file cannot be used.
func TestExplain(t *testing.T) {
	for name, test := range map[string]struct {
		err         error
		id          string
		code        int
		unavailable bool
	}{
		"full disk":   {unix.ENOSPC, "disk/full", fault.ExitTransient, true},
		"quota":       {fmt.Errorf("writing: %w", unix.EDQUOT), "disk/full", fault.ExitTransient, true},
		"permissions": {fs.ErrPermission, "coordinator/unusable", fault.ExitRelease, false},
		"read-only":   {unix.EROFS, "disk/read-only", fault.ExitTransient, true},
		"damage":      {fmt.Errorf("page 3: %w", ErrDamaged), "coordinator/damaged", fault.ExitRelease, false},
		"disk error":  {unix.EIO, "disk/error", fault.ExitTransient, true},
		"anything":    {unix.ENXIO, "slugc/internal", fault.ExitSlugc, true},
	} {
		err := explain("x.db", test.err)
		f := fault.Of(err)
		if f.ID != test.id || f.Code != test.code || errors.Is(err, coordinator.ErrUnavailable) != test.unavailable {
			t.Errorf("%s: got %+v", name, f)
		}
	}
}
