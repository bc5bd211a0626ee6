package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"slugc/compiler/slug"
)

// retry repeats what fails because the store is unreachable, a few times, with growing pauses.
func (o Options) retry(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if !errors.Is(err, errUnreachable) || n >= o.tries || ctx.Err() != nil {
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

// counter counts what is moved. Its methods may be called concurrently.
type counter struct {
	progress           func(done, total int64)
	total              int64
	moved, reused      atomic.Int64 // bytes
	parts, reusedParts atomic.Int64
}

// add counts a part of that many bytes.
func (c *counter) add(bytes int64, reused bool) {
	if reused {
		c.reused.Add(bytes)
		c.reusedParts.Add(1)
	} else {
		c.moved.Add(bytes)
		c.parts.Add(1)
	}
	if c.progress != nil {
		c.progress(c.moved.Load()+c.reused.Load(), c.total)
	}
}

func (c *counter) transfer() Transfer {
	return Transfer{
		Bytes:       c.moved.Load(),
		Reused:      c.reused.Load(),
		Parts:       int(c.parts.Load()),
		ReusedParts: int(c.reusedParts.Load()),
	}
}

// forEach calls do for every index of the list, a few at a time, and retries each.
func (o Options) forEach(ctx context.Context, list []int, do func(ctx context.Context, i int) error) error {
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

// rebuilding is a slug that is being rebuilt from its parts.
type rebuilding struct {
	*slug.Rebuild
	parts []slug.Part
	have  []string // files of other slugs on this machine
}

// fetch takes parts from the slugs on this machine, and the others from open, which opens a part of
// the store.
func (o Options) fetch(
	ctx context.Context, l location, r rebuilding,
	open func(ctx context.Context, i int) (io.Reader, io.Closer, error),
) (Transfer, error) {
	c := counter{progress: o.Progress, total: end(r.parts)}
	for _, file := range r.have {
		n, bytes := r.CopyFrom(ctx, file)
		c.reusedParts.Add(int64(n))
		c.reused.Add(bytes)
	}
	err := o.forEach(ctx, r.Missing(), func(ctx context.Context, i int) error {
		from, closer, err := open(ctx, i)
		if err != nil {
			return err
		}
		defer closer.Close()
		if err := r.Write(i, from); err != nil {
			return l.network(ctx, err)
		}
		c.add(r.parts[i].Size, false)
		return nil
	})
	if err == nil {
		err = r.Finish(ctx)
	}
	return c.transfer(), err
}
