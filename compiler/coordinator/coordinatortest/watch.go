package coordinatortest

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"slugc/compiler/coordinator"
)

func testWatchPast(_ *testing.T, b *bench) {
	r := b.put("/a=1")
	b.put("/b=2", "/a=2")
	b.put("-/a")
	ch := b.Watch(b.ctx, "/", r)
	b.wantNext(ch, fmt.Sprintf("%d: /a=1", r), fmt.Sprintf("%d: /a=2 /b=2", r+1), fmt.Sprintf("%d: -/a", r+2))
	b.wantNext(b.Watch(b.ctx, "/", r+2), fmt.Sprintf("%d: -/a", r+2))
}

func testWatchLive(_ *testing.T, b *bench) {
	other := b.another()
	r := b.rev() + 1
	mine, others := b.Watch(b.ctx, "/", r), other.Watch(b.ctx, "/", r)
	for i := range int64(10) {
		if i%2 == 0 {
			b.put(fmt.Sprintf("/a=%d", i))
		} else {
			other.put(fmt.Sprintf("/a=%d", i))
		}
		want := fmt.Sprintf("%d: /a=%d", r+i, i)
		b.wantNext(mine, want)
		b.wantNext(others, want)
	}
}

func testWatchFuture(_ *testing.T, b *bench) {
	r := b.put("/a=0")
	ch := b.Watch(b.ctx, "/", r+3)
	for i := range 4 {
		b.put(fmt.Sprintf("/a=%d", i+1))
	}
	b.wantNext(ch, fmt.Sprintf("%d: /a=3", r+3), fmt.Sprintf("%d: /a=4", r+4))
}

func testWatchPrefix(_ *testing.T, b *bench) {
	r := b.rev() + 1
	ch := b.Watch(b.ctx, "/p/", r)
	b.put("/p=0", "/pp/a=0")                      // r: none
	b.put("/q=1", "/p/z=1", "/p/a/b=1", "/p.q=1") // r+1: two
	b.put("-/p", "-/p/z", "-/p/none")             // r+2: one
	b.wantNext(ch, fmt.Sprintf("%d: /p/a/b=1 /p/z=1", r+1), fmt.Sprintf("%d: -/p/z", r+2))
}

func testWatchBadArguments(t *testing.T, b *bench) {
	for name, ch := range map[string]<-chan coordinator.Delivery{
		"prefix":   b.Watch(b.ctx, "/p", 1),
		"revision": b.Watch(b.ctx, "/p/", 0),
	} {
		if d := b.next(ch); d.Err == nil {
			t.Errorf("%s: got %s", name, render(d))
		}
		b.wantClosed(ch, 0)
	}
}

// testWatchResumes has writers write 200 revisions while a watcher stops every few events and
// watches again from the next revision: it receives each revision once and in order.
func testWatchResumes(t *testing.T, b *bench) {
	const writers, each = 4, 50
	handles := []coordinator.Coordinator{b.Coordinator, b.open()}
	next := b.rev() + 1
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				pair := writes(fmt.Sprintf("/w/%d=%d", w, i), fmt.Sprintf("/w/%d.twin=%d", w, i))
				if _, err := handles[w%2].Commit(b.ctx, nil, pair); err != nil {
					t.Errorf("Commit: %v", err)
				}
			}
		})
	}
	counts := map[string]int{} // writer → how many of its commits were received
	for total, round := 0, 0; total < writers*each; round++ {
		ctx, cancel := context.WithCancel(b.ctx)
		ch := handles[round%2].Watch(ctx, "/w/", next)
		for range min(round%7+1, writers*each-total) {
			d := b.next(ch)
			if d.Err != nil {
				t.Fatal(d.Err)
			}
			if len(d.Events) != 2 || d.Events[0].Rev != next || d.Events[1].Key != d.Events[0].Key+".twin" {
				t.Fatalf("want the two events of revision %d, got %s", next, render(d))
			}
			writer := d.Events[0].Key
			if n, _ := strconv.Atoi(string(d.Events[0].Value)); n != counts[writer] {
				t.Fatalf("want number %d, got %s", counts[writer], render(d))
			}
			counts[writer]++
			total++
			next++
		}
		cancel()
	}
	wg.Wait()
}

func testWatchCompacted(t *testing.T, b *bench) {
	first := b.put("/a=0")
	for i := range 5 {
		b.put(fmt.Sprintf("/a=%d", i+1))
	}
	last := b.rev()
	if err := b.backend.Compact(last); err != nil {
		t.Fatal(err)
	}
	ch := b.Watch(b.ctx, "/a/", first)
	b.wantErr(b.next(ch).Err, coordinator.ErrCompacted)
	b.wantClosed(ch, 0)

	// The caller can list, and watch from there.
	got, rev := b.list("/")
	ch = b.Watch(b.ctx, "/", rev+1)
	r := b.put("/z=1")
	b.wantNext(ch, fmt.Sprintf("%d: /z=1", r))
	if len(got) == 0 {
		t.Error("compacting took data away")
	}
}

// testWatchSlowReceiver: a watcher that does not receive delays nobody, and loses nothing.
func testWatchSlowReceiver(_ *testing.T, b *bench) {
	r := b.rev() + 1
	ch := b.Watch(b.ctx, "/", r)
	var want []string
	for i := range int64(40) {
		b.put(fmt.Sprintf("/a=%d", i))
		want = append(want, fmt.Sprintf("%d: /a=%d", r+i, i))
	}
	b.wantNext(ch, want...)
}

func testWatchContextEnds(_ *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(b.ctx)
	r := b.put("/a=1")
	idle, busy := b.Watch(ctx, "/none/", r), b.Watch(ctx, "/", r)
	cancel()
	b.wantClosed(idle, 0)
	b.wantClosed(busy, 1)
	b.wantClosed(b.Watch(ctx, "/", r), 1)
	b.put("/a=2") // the handle still works
}

func testCloseEndsWatches(_ *testing.T, b *bench) {
	r := b.put("/a=1")
	idle, blocked := b.Watch(b.ctx, "/none/", r), b.Watch(b.ctx, "/", r)
	b.Close()
	b.wantClosed(idle, 1)
	b.wantClosed(blocked, 2)
}
