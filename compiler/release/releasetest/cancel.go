package releasetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/release"
)

// CancelRaces registers and cancels at the same time, over an empty store, which open opens: either
// comes first, and both agree on which.
func CancelRaces(t *testing.T, open func() coordinator.Coordinator) {
	one, two := New(open()), New(open())
	registered, cancelledFirst := 0, 0
	for i := range 60 {
		q := PendingRequest(i, "web", fmt.Sprint("key", i))
		var made, cancelled release.Release
		var refused, err error
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(rand.N(2 * time.Millisecond))
			made, refused = one.Register(t.Context(), "blog", q)
		})
		wg.Go(func() {
			time.Sleep(rand.N(2 * time.Millisecond))
			cancelled, err = two.Cancel(t.Context(), "blog", q.Key)
		})
		wg.Wait()
		switch {
		case err != nil:
			t.Fatal(err)
		case refused == nil:
			registered++
			ended := cancelled.Version == made.Version && cancelled.Status == release.Abandoned
			if made.Version != registered || !ended {
				t.Errorf("round %d: made v%d, want v%d, cancelled v%d %s",
					i, made.Version, registered, cancelled.Version, cancelled.Status)
			}
		case errors.Is(refused, release.ErrCancelled):
			cancelledFirst++
			if cancelled.Version != 0 {
				t.Errorf("round %d: v%d was cancelled, and never made", i, cancelled.Version)
			}
		default:
			t.Fatal(refused)
		}
	}
	list := Must(one.List(t.Context(), "blog"))(t)
	if len(list) != registered {
		t.Errorf("%d releases, want %d", len(list), registered)
	}
	for _, rel := range list {
		if rel.Status != release.Abandoned {
			t.Errorf("v%d is %s", rel.Version, rel.Status)
		}
	}
	t.Logf("%d registrations came first, %d cancellations", registered, cancelledFirst)
}
