// Package chaos sweeps faults over slugc: at every system call that changes a file it kills slugc, or
// lets the call fail; it cuts the power of a file system, fills one, flips bits of every kind of file
// that slugc keeps, and runs a prune in the middle of everything else. After each fault the same
// invariants must hold (see [world.check]): the next build makes a clean build's bytes, no release is
// lost, nothing is stuck or left behind.
//
// The run of the test suite tries a point of some sweeps of each kind, always the same ones. The long
// form, which `make chaos` runs, tries some thousand points of all sweeps:
//
//	go test -v ./cmd/slugc/e2e/chaos -long
//	go test -v ./cmd/slugc/e2e/chaos -points 100000          # every point there is
//	go test -v ./cmd/slugc/e2e/chaos -run TestKills/tmpfs/rebuild -only 57
//
// Sweeps need root (file systems of their own) and Linux 5.19 (testdata/inject).
package chaos_test

import (
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

var (
	long   = flag.Bool("long", false, "try forty points of every sweep, five thousand in all")
	points = flag.Int("points", 0, "try so many points of every sweep, or all that there are")
	only   = flag.Int("only", 0, "try only this point of a sweep")
)

// sweep is one kind of fault in one command.
type sweep struct {
	*testing.T
	few, tried, bad int
}

var (
	tableLock sync.Mutex
	table     []string
)

// newSweep starts a sweep of a test. Its line in the table is written when the test ends. few is how
// many points the sweep tries unless a flag asks for others; without any, newSweep returns nil.
func newSweep(t *testing.T, few int) *sweep {
	if few == 0 && !*long && *points == 0 && *only == 0 {
		return nil
	}
	s := &sweep{T: t, few: few}
	t.Cleanup(func() {
		tableLock.Lock()
		defer tableLock.Unlock()
		table = append(table, fmt.Sprintf("%-44s %5d %4d", t.Name(), s.tried, s.bad))
	})
	return s
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if mirrorDir != "" {
		_ = os.RemoveAll(mirrorDir)
	}
	if testing.Verbose() && len(table) > 0 {
		slices.Sort(table)
		fmt.Printf("%-44s %5s %4s\n%s\n", "kind", "points", "bad", strings.Join(table, "\n"))
	}
	os.Exit(code)
}

// choose returns which of the points 1 to n are tried: few of them, evenly spread from a start that
// depends on the sweep's name, unless a flag asks for others.
func (s *sweep) choose(n int) (list []int) {
	few := s.few
	switch {
	case *only > 0:
		return []int{*only}
	case *points > 0:
		few = *points
	case *long:
		few = 40
	}
	few = min(few, n)
	h := fnv.New32a()
	h.Write([]byte(s.Name()))
	start := int(h.Sum32() % uint32(max(n, 1)))
	for i := range few {
		list = append(list, 1+(start+i*n/few)%n)
	}
	slices.Sort(list)
	return list
}

// report counts a point and fails the test if it is bad. where says what was disturbed.
func (s *sweep) report(point int, where string, problems []string) {
	s.Helper()
	s.tried++
	if len(problems) == 0 {
		return
	}
	s.bad++
	s.Errorf("point %d, %s:\n\t%s\n\tagain: go test ./cmd/slugc/e2e/chaos -run '^%s$' -only %d", point, where,
		strings.Join(problems, "\n\t"), strings.ReplaceAll(s.Name(), "/", "$/^"), point)
}
