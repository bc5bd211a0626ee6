package upkeep

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// store is what is kept in a test: entries by name, and those that are in use after all.
type store struct {
	inv   inventory
	gone  []string
	inUse map[string]bool
}

func (s *store) add(e Entry, inUse bool) {
	size := e.Size
	name := e.What
	s.inUse[name] = inUse
	e.Frees = size
	e.remove = func(context.Context) (int64, error) {
		if inUse {
			return 0, nil
		}
		s.gone = append(s.gone, name)
		return size, nil
	}
	s.inv.add(e)
}

// TestPolicy holds, for random entries, limits and clocks, what the package promises: nothing goes that is kept
// for a reason or in use; what is too old goes; of the rest what has not served for longest, and no more than it
// takes.
func TestPolicy(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 11))
		s := store{inUse: map[string]bool{}}
		for i := range r.IntN(20) {
			e := Entry{What: fmt.Sprint(i), Size: r.Int64N(100), Used: now.Add(-time.Duration(r.IntN(60)) * time.Hour)}
			if r.IntN(2) == 0 {
				e.App = "shop"
			}
			if r.IntN(4) == 0 {
				e.Kept = "a release"
			}
			s.add(e, r.IntN(5) == 0)
		}
		s.inv.sort(latest)
		l := Limits{Size: r.Int64N(800), Age: time.Duration(r.IntN(70)) * time.Hour}
		before := s.inv.total
		freed, err := s.inv.within(t.Context(), l, now)
		if err != nil {
			t.Fatal(err)
		}
		if why := s.broken(l, before, freed, now); why != "" {
			t.Fatalf("seed %d, limits %+v, removed %v: %s\n%+v", seed, l, s.gone, why, s.inv.entries)
		}
	}
}

// broken says what is wrong after a pass.
func (s *store) broken(l Limits, before, freed int64, now time.Time) string {
	gone := map[string]bool{}
	for _, name := range s.gone {
		gone[name] = true
	}
	left, last := before, int64(0)
	spared := false // something that could go, and is not too old, is still there
	for _, e := range s.inv.entries {
		old := l.Age > 0 && now.Sub(e.Used) > l.Age
		free := e.Kept == "" && !s.inUse[e.What]
		switch {
		case gone[e.What] && !free:
			return e.What + " is needed and gone"
		case old && free && !gone[e.What]:
			return e.What + " is too old and stays"
		case gone[e.What] && !old && (spared || l.Size == 0):
			return e.What + " goes before what has not served for longer, or without need"
		}
		if gone[e.What] {
			left -= e.Size
			if !old {
				last = e.Size
			}
		} else if free {
			spared = true
		}
	}
	switch {
	case before-left != freed || left != s.inv.total:
		return fmt.Sprintf("freed %d of %d, %d are left, it says %d", freed, before, left, s.inv.total)
	case l.Size > 0 && left > l.Size && spared:
		return "there is too much, and something could go"
	case last > 0 && left+last <= l.Size:
		return "more went than it takes"
	}
	return ""
}

// TestPassStops: an error ends a pass, and says what was freed until then.
func TestPassStops(t *testing.T) {
	t.Parallel()
	s := store{inUse: map[string]bool{}}
	s.add(Entry{What: "a", Size: 5}, false)
	broken := errors.New("broken")
	s.inv.add(Entry{What: "b", Size: 7, remove: func(context.Context) (int64, error) { return 2, broken }})
	s.add(Entry{What: "c", Size: 9}, false)
	freed, err := s.inv.pass(t.Context(), func(Entry) bool { return true })
	if freed != 7 || !errors.Is(err, broken) || len(s.gone) != 1 || s.inv.total != 14 {
		t.Errorf("freed %d, %v; removed %v, %d left", freed, err, s.gone, s.inv.total)
	}
}

// TestIsShort holds what a nearly full disk is.
func TestIsShort(t *testing.T) {
	t.Parallel()
	const gb = 1_000_000_000
	for _, c := range []struct {
		s    space
		want bool
	}{
		{space{size: 1000 * gb, free: 11 * gb}, false},
		{space{size: 1000 * gb, free: 9 * gb}, true},
		{space{size: 50 * gb, free: 6 * gb}, false},
		{space{size: 50 * gb, free: 4 * gb}, true},
		{space{size: 8 * gb, free: gb / 2}, true},
		{space{size: gb, free: gb / 3}, false},
		{space{size: gb, free: gb / 5}, true},
		{space{size: 50 * gb, free: 40 * gb, inodes: 1000, left: 99}, true},
		{space{size: 50 * gb, free: 40 * gb, inodes: 1000, left: 101}, false},
	} {
		if got := c.s.isShort(); got != c.want {
			t.Errorf("%+v: %v", c.s, got)
		}
	}
}
