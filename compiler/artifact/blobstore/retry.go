package blobstore

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"slugc/compiler/slug"
)

// retry does what may fail for a while, a few times, with growing pauses.
func (o Options) retry(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if err == nil || !transient(err) || n >= o.tries || ctx.Err() != nil {
			return err
		}
		pause := o.pause << (n - 1)
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return fmt.Errorf("%w, after: %v", ctx.Err(), err)
		}
	}
}

// tally counts what is moved.
type tally struct {
	progress           func(done, total int64)
	total              int64
	moved, reused      atomic.Int64
	parts, reusedParts atomic.Int64
}

func (t *tally) note(bytes int64, reused bool) {
	if reused {
		t.reused.Add(bytes)
		t.reusedParts.Add(1)
	} else {
		t.moved.Add(bytes)
		t.parts.Add(1)
	}
	if t.progress != nil {
		t.progress(t.moved.Load()+t.reused.Load(), t.total)
	}
}

func (t *tally) transfer() Transfer {
	return Transfer{
		Bytes:       t.moved.Load(),
		Reused:      t.reused.Load(),
		Parts:       int(t.parts.Load()),
		ReusedParts: int(t.reusedParts.Load()),
	}
}

// each calls do for every index of the list, a few at once, each until it works or fails for good.
func (o Options) each(ctx context.Context, list []int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	for _, i := range list {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return o.retry(ctx, func() error { return do(ctx, i) })
		})
	}
	return group.Wait()
}

// fetch rebuilds a slug: what other slugs on this machine hold is taken from them, the rest is
// opened part by part.
func (o Options) fetch(
	ctx context.Context,
	p place,
	r *slug.Rebuild,
	parts []slug.Part,
	have []string,
	open func(ctx context.Context, i int) (io.Reader, io.Closer, error),
) (Transfer, error) {
	t := tally{progress: o.Progress}
	for _, part := range parts {
		t.total += part.Size
	}
	for _, file := range have {
		n, bytes := r.CopyFrom(ctx, file)
		t.reusedParts.Add(int64(n))
		t.reused.Add(bytes)
	}
	err := o.each(ctx, r.Missing(), func(ctx context.Context, i int) error {
		from, closer, err := open(ctx, i)
		if err != nil {
			return err
		}
		defer closer.Close()
		if err := r.Write(i, from); err != nil {
			return p.network(ctx, err)
		}
		t.note(parts[i].Size, false)
		return nil
	})
	if err != nil {
		return t.transfer(), err
	}
	return t.transfer(), r.Finish(ctx)
}
