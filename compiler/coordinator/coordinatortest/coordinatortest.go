// Package coordinatortest is the conformance suite of package coordinator: each implementation runs
// it in a test of its own.
//
//	func TestConformance(t *testing.T) {
//		coordinatortest.Run(t, func(t *testing.T) coordinatortest.Backend {
//			return coordinatortest.Backend{Open: …, Compact: …}
//		})
//	}
package coordinatortest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"slugc/compiler/coordinator"
)

// Backend is one fresh, empty store under test.
type Backend struct {
	// Open returns a new handle onto the store. The suite closes it.
	Open func() (coordinator.Coordinator, error)
	// Compact makes the store forget the events of all revisions before rev, which is at most the
	// current one.
	Compact func(rev int64) error
}

// timeout is how long the suite waits for an event. A healthy store takes milliseconds.
const timeout = 30 * time.Second

// Put writes one key and returns the revision.
func Put(t testing.TB, c coordinator.Coordinator, key, value string) int64 {
	t.Helper()
	rev, err := c.Commit(context.Background(), nil, []coordinator.Write{{Key: key, Value: []byte(value)}})
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// tests are the suite.
var tests = []struct {
	name string
	test func(*testing.T, *bench)
}{
	{"KeyGrammar", testKeyGrammar},
	{"GetMissing", testGetMissing},
	{"GetMany", testGetMany},
	{"CreateOnly", testCreateOnly},
	{"CompareRevision", testCompareRevision},
	{"CompareWithoutWrites", testCompareWithoutWrites},
	{"AtomicWrites", testAtomicWrites},
	{"ConflictWritesNothing", testConflictWritesNothing},
	{"Delete", testDelete},
	{"List", testList},
	{"Values", testValues},
	{"Limits", testLimits},
	{"HandlesAgree", testHandlesAgree},
	{"ValuesAreCopies", testValuesAreCopies},
	{"Counter", testCounter},
	{"ConcurrentReads", testConcurrentReads},
	{"CancelledContext", testCancelledContext},
	{"UseAfterClose", testUseAfterClose},
	{"WatchPast", testWatchPast},
	{"WatchLive", testWatchLive},
	{"WatchFuture", testWatchFuture},
	{"WatchPrefix", testWatchPrefix},
	{"WatchBadArguments", testWatchBadArguments},
	{"WatchResumes", testWatchResumes},
	{"WatchCompacted", testWatchCompacted},
	{"WatchSlowReceiver", testWatchSlowReceiver},
	{"WatchContextEnds", testWatchContextEnds},
	{"CloseEndsWatches", testCloseEndsWatches},
}

// Run runs the suite. It calls newBackend once for each subtest; the subtests run one after
// another.
func Run(t *testing.T, newBackend func(t *testing.T) Backend) {
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*timeout)
			defer cancel()
			b := &bench{TB: t, backend: newBackend(t), ctx: ctx}
			b.Coordinator = b.open()
			tc.test(t, b)
		})
	}
}

// bench is a handle with the suite's shorthand.
type bench struct {
	testing.TB
	coordinator.Coordinator
	backend Backend
	ctx     context.Context
}

// another is a bench with a handle of its own onto the same store.
func (b *bench) another() *bench {
	b.Helper()
	return &bench{TB: b.TB, Coordinator: b.open(), backend: b.backend, ctx: b.ctx}
}

// open opens another handle, which is closed when the test ends.
func (b *bench) open() coordinator.Coordinator {
	b.Helper()
	c, err := b.backend.Open()
	if err != nil {
		b.Fatalf("opening a handle: %v", err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// get reads a key.
func (b *bench) get(key string) coordinator.Entry {
	b.Helper()
	entries, err := b.Get(b.ctx, key)
	if err != nil {
		b.Fatalf("Get %s: %v", key, err)
	}
	if len(entries) != 1 {
		b.Fatalf("Get %s: %d entries", key, len(entries))
	}
	return entries[0]
}

// put sets keys ("/a=1", or "-/a" to delete) in one commit and returns its revision.
func (b *bench) put(assignments ...string) int64 {
	b.Helper()
	rev, err := b.Commit(b.ctx, nil, writes(assignments...))
	if err != nil {
		b.Fatalf("Commit %v: %v", assignments, err)
	}
	return rev
}

func writes(assignments ...string) (w []coordinator.Write) {
	for _, a := range assignments {
		if key, ok := strings.CutPrefix(a, "-"); ok {
			w = append(w, coordinator.Write{Key: key, Delete: true})
			continue
		}
		key, value, _ := strings.Cut(a, "=")
		w = append(w, coordinator.Write{Key: key, Value: []byte(value)})
	}
	return w
}

// list renders the entries under prefix as "/a=1@3".
func (b *bench) list(prefix string) ([]string, int64) {
	b.Helper()
	entries, rev, err := b.List(b.ctx, prefix)
	if err != nil {
		b.Fatalf("List %s: %v", prefix, err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, fmt.Sprintf("%s=%s@%d", e.Key, e.Value, e.Rev))
	}
	return out, rev
}

// rev is the store's revision.
func (b *bench) rev() int64 {
	b.Helper()
	_, rev := b.list("/")
	return rev
}

// next receives one delivery.
func (b *bench) next(ch <-chan coordinator.Delivery) coordinator.Delivery {
	b.Helper()
	select {
	case d, ok := <-ch:
		if !ok {
			b.Fatal("the watch was closed")
		}
		return d
	case <-time.After(timeout):
		b.Fatal("nothing was delivered")
	}
	return coordinator.Delivery{}
}

// wantNext receives deliveries and compares them, rendered as "rev: /a=1 -/b".
func (b *bench) wantNext(ch <-chan coordinator.Delivery, want ...string) {
	b.Helper()
	var got []string
	for range want {
		d := b.next(ch)
		if d.Err != nil {
			b.Fatalf("after %v: %v", got, d.Err)
		}
		got = append(got, render(d))
	}
	b.equal(want, got)
}

func render(d coordinator.Delivery) string {
	var s strings.Builder
	for i, e := range d.Events {
		if i == 0 {
			fmt.Fprintf(&s, "%d:", e.Rev)
		}
		if e.Rev != d.Events[0].Rev {
			fmt.Fprintf(&s, " (another revision, %d)", e.Rev)
		}
		if e.Delete {
			fmt.Fprintf(&s, " -%s", e.Key)
		} else {
			fmt.Fprintf(&s, " %s=%s", e.Key, e.Value)
		}
	}
	return s.String()
}

// wantClosed waits for the channel to close, and accepts up to most deliveries before.
func (b *bench) wantClosed(ch <-chan coordinator.Delivery, most int) {
	b.Helper()
	deadline := time.After(timeout)
	for n := 0; ; n++ {
		select {
		case d, ok := <-ch:
			if !ok {
				return
			}
			if n >= most {
				b.Fatalf("delivered after the end: %s %v", render(d), d.Err)
			}
		case <-deadline:
			b.Fatal("the watch was not closed")
		}
	}
}

func (b *bench) equal(want, got any) {
	b.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		b.Errorf("(-want +got)\n%s", diff)
	}
}

func (b *bench) wantErr(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Errorf("got error %v, want %v", err, want)
	}
}
