// Package edits holds that a rebuild makes a clean build's bytes, whatever happened before. It draws random edits of
// an app (files, modes, links, times, locks, scripts that write where they should not, configuration, killed and
// failed builds), builds the app after each few, and builds the same source in an empty state directory too.
//
// The run of the test suite takes five hundred steps of a toy app, with the real slugc and always the same seeds. The
// long form, which `make chaos` runs, draws its seeds and takes thousands of steps:
//
//	go test -v ./cmd/slugc/e2e/edits -long
//	go test -v ./cmd/slugc/e2e/edits -seed 17 -steps 200
//
// A failure names the seed and the step, the fewest edits that still show it, and the files that differ.
package edits_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var (
	long  = flag.Bool("long", false, "take more steps, of other seeds each time")
	seed  = flag.Uint64("seed", 0, "take the steps of this seed only")
	steps = flag.Int("steps", 0, "take so many steps of each seed")
)

// TestToy takes the steps with a toy Node.js, whose builds are cheap.
func TestToy(t *testing.T) {
	t.Parallel()
	few, count := 6, 84
	if *long {
		few, count = 20, 200
	}
	play(t, newToy, few, count)
}

// play takes count steps of few seeds each, with a machine's kind of app.
func play(t *testing.T, newKind func(testing.TB) kind, few, count int) {
	first := uint64(1)
	switch {
	case *seed != 0:
		first, few = *seed, 1
	case *long:
		first = uint64(time.Now().UnixNano()) % 1e9
	}
	if *steps > 0 {
		count = *steps
	}
	k := newKind(t)
	for i := range uint64(few) {
		t.Run(fmt.Sprint("seed", first+i), func(t *testing.T) {
			t.Parallel()
			seedOf(t, k, first+i, count)
		})
	}
}

// seedOf takes the steps of one seed.
func seedOf(t *testing.T, k kind, seed uint64, count int) {
	w := newWorld(t, k)
	random := rand.New(rand.NewPCG(seed, 0))
	draw := k.draw(random)
	past := k.first()
	for n := 1; n <= count; n++ {
		past = append(past, w.drawn(random, draw)...)
		past = append(past, drawBuild(random))
		if wrong := w.take(past[w.taken:]); wrong != "" {
			again := fmt.Sprintf("go test ./cmd/slugc/e2e/edits -run '%s' -seed %d -steps %d", t.Name(), seed, n)
			t.Fatalf("seed %d, step %d: %s\n%s\nagain: %s", seed, n, wrong, shrink(t, k, past), again)
		}
	}
	t.Logf("seed %d: %d steps, %s", seed, count, w.tally)
}
