package local_test

import (
	"context"
	"path/filepath"
	"testing"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/coordinatortest"
	"slugc/compiler/coordinator/local"
)

func TestConformance(t *testing.T) {
	coordinatortest.Run(t, func(t *testing.T) coordinatortest.Store {
		path := filepath.Join(t.TempDir(), "state", "coordinator.db")
		return coordinatortest.Store{
			Open: func() (coordinator.Coordinator, error) { return local.Open(path, local.Options{}) },
			Compact: func(int64) error { // a commit by a handle that keeps one revision
				c, err := local.Open(path, local.Options{History: 1})
				if err != nil {
					return err
				}
				defer c.Close()
				_, err = c.Commit(context.Background(), nil, []coordinator.Write{{Key: "/compact"}})
				return err
			},
		}
	})
}
