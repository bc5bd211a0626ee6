package release_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"slugc/compiler/release/releasetest"
)

func TestFiftyProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.db")
	const processes = 50
	var wg sync.WaitGroup
	for i := range processes {
		cmd := releasetest.Registrar(t, path, fmt.Sprint("p", i), 1)
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, out)
			}
		})
	}
	wg.Wait()
	releasetest.CheckNumbers(t, releasetest.New(open(t, path)), "blog", processes)
}

func TestKilledRegistrars(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.db")
	releasetest.KillRegistrars(t, path, open(t, path), 4, 30)
}
