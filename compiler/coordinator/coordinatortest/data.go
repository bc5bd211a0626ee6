package coordinatortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"slugc/compiler/coordinator"
)

func testKeyGrammar(t *testing.T, b *bench) {
	good := []string{
		"/a",
		"/A.b_c-9/..a/...",
		"/" + strings.Repeat("s", 128),
		strings.Repeat("/"+strings.Repeat("s", 127), 8),
	}
	for _, key := range good {
		b.put(key + "=v")
		if e := b.get(key); string(e.Value) != "v" || e.Key != key {
			t.Errorf("%s reads back as %v", key, e)
		}
	}
	before := b.rev()
	for _, key := range []string{
		"", "/", "a", "/a/", "//a", "/a//b", "/.", "/a/..", "/a b", "/ä", "/a\x00",
		"/" + strings.Repeat("s", 129), strings.Repeat("/s", 513),
	} {
		_, err := b.Get(b.ctx, key)
		b.wantErr(err, coordinator.ErrBadKey)
		_, err = b.Commit(b.ctx, nil, []coordinator.Write{{Key: "/fine"}, {Key: key}})
		b.wantErr(err, coordinator.ErrBadKey)
		_, err = b.Commit(b.ctx, []coordinator.Compare{{Key: key}}, writes("/fine=v"))
		b.wantErr(err, coordinator.ErrBadKey)
	}
	for _, prefix := range []string{"", "a/", "/a", "//", "/a//", "/../"} {
		_, _, err := b.List(b.ctx, prefix)
		b.wantErr(err, coordinator.ErrBadKey)
	}
	b.equal(before, b.rev())
}

func testGetMissing(_ *testing.T, b *bench) {
	b.equal(coordinator.Entry{Key: "/a"}, b.get("/a"))
	b.put("/a/b=1", "/aa=1")
	b.equal(coordinator.Entry{Key: "/a"}, b.get("/a"))
}

func testGetMany(_ *testing.T, b *bench) {
	rev := b.put("/a=1", "/b/c=2", "/slugs/sha256:0f=3")
	got, err := b.Get(b.ctx, "/slugs/sha256:0f", "/none", "/a", "/b/c", "/a")
	b.wantErr(err, nil)
	b.equal(
		[]coordinator.Entry{
			{Key: "/slugs/sha256:0f", Value: []byte("3"), Rev: rev},
			{Key: "/none"},
			{Key: "/a", Value: []byte("1"), Rev: rev},
			{Key: "/b/c", Value: []byte("2"), Rev: rev},
			{Key: "/a", Value: []byte("1"), Rev: rev},
		},
		got,
	)
	got, err = b.Get(b.ctx)
	b.wantErr(err, nil)
	b.equal(0, len(got))
	most := slices.Repeat([]string{"/a"}, coordinator.MaxKeys)
	got, err = b.Get(b.ctx, most...)
	b.wantErr(err, nil)
	b.equal(len(most), len(got))
	_, err = b.Get(b.ctx, append(most, "/a")...)
	b.wantErr(err, coordinator.ErrBadCommit)
	_, err = b.Get(b.ctx, "/a", "b")
	b.wantErr(err, coordinator.ErrBadKey)
}

func testCreateOnly(_ *testing.T, b *bench) {
	create := []coordinator.Compare{{Key: "/a"}}
	rev, err := b.Commit(b.ctx, create, writes("/a=1"))
	b.wantErr(err, nil)
	_, err = b.Commit(b.ctx, create, writes("/a=2"))
	b.wantErr(err, coordinator.ErrConflict)
	b.equal(coordinator.Entry{Key: "/a", Value: []byte("1"), Rev: rev}, b.get("/a"))
}

func testCompareRevision(_ *testing.T, b *bench) {
	first := b.put("/a=1")
	second := b.put("/a=2")
	b.equal(first+1, second)
	for _, wrong := range []int64{0, first, second + 1} {
		_, err := b.Commit(b.ctx, []coordinator.Compare{{Key: "/a", Rev: wrong}}, writes("/a=3"))
		b.wantErr(err, coordinator.ErrConflict)
	}
	third, err := b.Commit(b.ctx, []coordinator.Compare{{Key: "/a", Rev: second}}, writes("/a=3"))
	b.wantErr(err, nil)
	b.equal(coordinator.Entry{Key: "/a", Value: []byte("3"), Rev: third}, b.get("/a"))
	b.put("/b=1") // another key's write does not change this one's revision
	b.equal(third, b.get("/a").Rev)
	b.put("/a=3") // the same value again does
	b.equal(third+2, b.get("/a").Rev)
}

func testCompareWithoutWrites(_ *testing.T, b *bench) {
	rev := b.put("/a=1")
	got, err := b.Commit(b.ctx, []coordinator.Compare{{Key: "/a", Rev: rev}, {Key: "/b"}}, nil)
	b.wantErr(err, nil)
	b.equal(rev, got)
	_, err = b.Commit(b.ctx, []coordinator.Compare{{Key: "/a"}}, nil)
	b.wantErr(err, coordinator.ErrConflict)
	b.equal(rev, b.rev())
}

func testAtomicWrites(_ *testing.T, b *bench) {
	b.put("/c=old")
	rev := b.put("/b=2", "/a=1", "-/c", "/d/e=3")
	got, at := b.list("/")
	b.equal([]string{fmt.Sprintf("/a=1@%d", rev), fmt.Sprintf("/b=2@%d", rev), fmt.Sprintf("/d/e=3@%d", rev)}, got)
	b.equal(rev, at)
}

func testConflictWritesNothing(_ *testing.T, b *bench) {
	b.put("/a=1", "/b=1")
	before, rev := b.list("/")
	compares := []coordinator.Compare{{Key: "/a", Rev: rev}, {Key: "/b", Rev: rev}, {Key: "/c", Rev: rev}}
	_, err := b.Commit(b.ctx, compares, writes("/a=2", "-/b", "/d=1"))
	b.wantErr(err, coordinator.ErrConflict)
	after, again := b.list("/")
	b.equal(before, after)
	b.equal(rev, again)
}

func testDelete(_ *testing.T, b *bench) {
	first := b.put("/a=1", "/b=1")
	second := b.put("-/a")
	b.equal(first+1, second)
	b.equal(coordinator.Entry{Key: "/a"}, b.get("/a"))
	b.equal(second, b.put("-/a", "-/never")) // nothing to delete: nothing is written
	third, err := b.Commit(b.ctx, []coordinator.Compare{{Key: "/a"}}, writes("/a=2"))
	b.wantErr(err, nil)
	b.equal(coordinator.Entry{Key: "/a", Value: []byte("2"), Rev: third}, b.get("/a"))
	// a deleted key never gets a former revision again
	_, err = b.Commit(b.ctx, []coordinator.Compare{{Key: "/a", Rev: first}}, writes("/a=3"))
	b.wantErr(err, coordinator.ErrConflict)
}

func testList(_ *testing.T, b *bench) {
	_, empty := b.list("/")
	b.put("/p/b=2", "/p/a=1", "/p/a/x=3", "/p.q=4", "/p=5", "/pp/a=6", "/p/B=7", "/p/a-=8")
	rev := b.put("/q=9")
	b.equal(empty+2, rev)
	got, at := b.list("/p/")
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], "@")
	}
	b.equal([]string{"/p/B=7", "/p/a=1", "/p/a-=8", "/p/a/x=3", "/p/b=2"}, got) // by bytes
	b.equal(rev, at)
	got, _ = b.list("/nothing/")
	b.equal(0, len(got))
	all, _ := b.list("/")
	b.equal(9, len(all))
}

func testValues(t *testing.T, b *bench) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, value := range [][]byte{{}, every, bytes.Repeat([]byte{0}, 10_000)} {
		if _, err := b.Commit(b.ctx, nil, []coordinator.Write{{Key: "/v", Value: value}}); err != nil {
			t.Fatal(err)
		}
		if e := b.get("/v"); !bytes.Equal(e.Value, value) || e.Rev == 0 {
			t.Errorf("%d bytes read back as %d", len(value), len(e.Value))
		}
	}
}

func testLimits(t *testing.T, b *bench) {
	most := bytes.Repeat([]byte("x"), coordinator.MaxValue)
	if _, err := b.Commit(b.ctx, nil, []coordinator.Write{{Key: "/v", Value: most}}); err != nil {
		t.Fatalf("the largest value: %v", err)
	}
	if e := b.get("/v"); !bytes.Equal(e.Value, most) {
		t.Errorf("the largest value reads back with %d bytes", len(e.Value))
	}
	var many []coordinator.Write
	var compares []coordinator.Compare
	for i := range coordinator.MaxWrites {
		many = append(many, coordinator.Write{Key: fmt.Sprintf("/many/%03d", i)})
	}
	for i := range coordinator.MaxCompares {
		compares = append(compares, coordinator.Compare{Key: fmt.Sprintf("/none/%03d", i)})
	}
	rev, err := b.Commit(b.ctx, compares, many)
	b.wantErr(err, nil)
	for name, bad := range map[string][]coordinator.Write{
		"value": {{Key: "/v", Value: append(most, 'x')}},
		"whole": {{Key: "/v", Value: most}, {Key: "/w", Value: most}},
		"twice": writes("/v=1", "/w=1", "/v=2"),
		"many":  append(many, coordinator.Write{Key: "/one-more"}),
	} {
		if _, err := b.Commit(b.ctx, nil, bad); !errors.Is(err, coordinator.ErrBadCommit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.equal(rev, b.rev())
}

func testHandlesAgree(_ *testing.T, b *bench) {
	other := b.another()
	rev := b.put("/a=1")
	b.equal(rev, other.get("/a").Rev)
	b.equal(rev+1, other.put("/a=2"))
	b.equal("2", string(b.get("/a").Value))
	b.Close()
	late := b.another()
	b.equal(other.get("/a"), late.get("/a"))
}

func testValuesAreCopies(_ *testing.T, b *bench) {
	value := []byte("kept")
	if _, err := b.Commit(b.ctx, nil, []coordinator.Write{{Key: "/a", Value: value}}); err != nil {
		b.Fatal(err)
	}
	value[0] = 'X'
	got := b.get("/a").Value
	b.equal("kept", string(got))
	got[0] = 'X'
	b.equal("kept", string(b.get("/a").Value))
}

// testCounter has 16 writers over 4 handles count to 160. A counter that only compare-and-set
// changes has a linearizable history exactly if each value was acknowledged once and every read is
// at least as new as the reader's last write.
func testCounter(t *testing.T, b *bench) {
	const writers, each = 16, 10
	handles := []coordinator.Coordinator{b.Coordinator, b.open(), b.open(), b.open()}
	var mu sync.Mutex
	acknowledged := map[int]int{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			last := int64(0)
			for range each {
				n, rev, err := increment(b.ctx, handles[w%len(handles)], last)
				if err != nil {
					t.Error(err)
					return
				}
				last = rev
				mu.Lock()
				acknowledged[n]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for n := 1; n <= writers*each; n++ {
		if acknowledged[n] != 1 {
			t.Errorf("%d was acknowledged %d times", n, acknowledged[n])
		}
	}
	b.equal(strconv.Itoa(writers*each), string(b.get("/counter").Value))
}

// increment raises the counter by one, and returns its value and revision. last is the revision
// that this writer wrote last.
func increment(ctx context.Context, c coordinator.Coordinator, last int64) (n int, rev int64, err error) {
	for {
		read, err := c.Get(ctx, "/counter")
		if err != nil {
			return 0, 0, err
		}
		if read[0].Rev < last {
			return 0, 0, fmt.Errorf("read revision %d after writing %d", read[0].Rev, last)
		}
		n, _ := strconv.Atoi(string(read[0].Value))
		compares := []coordinator.Compare{{Key: "/counter", Rev: read[0].Rev}}
		rev, err := c.Commit(ctx, compares, writes(fmt.Sprintf("/counter=%d", n+1)))
		if !errors.Is(err, coordinator.ErrConflict) {
			return n + 1, rev, err
		}
	}
}

// testConcurrentReads has readers list, or get in one call, two keys that a writer keeps equal: no
// read may show them different.
func testConcurrentReads(t *testing.T, b *bench) {
	other := b.open()
	ctx, cancel := context.WithCancel(b.ctx)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			last := int64(0)
			for ctx.Err() == nil {
				entries, rev, err := other.List(b.ctx, "/pair/")
				if i%2 == 0 {
					entries, err = other.Get(b.ctx, "/pair/a", "/pair/b")
					if err == nil {
						rev = entries[0].Rev
					}
				}
				if err != nil || rev < last {
					t.Errorf("at %d after %d: %v", rev, last, err)
					return
				}
				last = rev
				if len(entries) != 2 {
					continue
				}
				one, two := entries[0], entries[1]
				if !bytes.Equal(one.Value, two.Value) || one.Rev != two.Rev || one.Rev > rev {
					t.Errorf("a read shows half of a commit: %v at %d", entries, rev)
				}
			}
		})
	}
	for i := range 50 {
		b.put(fmt.Sprintf("/pair/a=%d", i), fmt.Sprintf("/pair/b=%d", i))
	}
	cancel()
	wg.Wait()
}

func testCancelledContext(_ *testing.T, b *bench) {
	before := b.rev()
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	_, err := b.Get(ctx, "/a")
	b.wantErr(err, context.Canceled)
	_, _, err = b.List(ctx, "/")
	b.wantErr(err, context.Canceled)
	_, err = b.Commit(ctx, nil, writes("/a=1"))
	b.wantErr(err, context.Canceled)
	b.equal(before, b.rev())
}

func testUseAfterClose(t *testing.T, b *bench) {
	b.Close()
	if err := b.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	_, err := b.Get(b.ctx, "/a")
	b.wantErr(err, coordinator.ErrClosed)
	_, err = b.Commit(b.ctx, nil, writes("/a=1"))
	b.wantErr(err, coordinator.ErrClosed)
	b.wantClosed(b.Watch(b.ctx, "/", 1), 1)
}
