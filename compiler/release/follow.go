package release

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// Snapshot is what should run of an app, as of one moment.
type Snapshot struct {
	Current   Release   // Version 0: no release is current yet
	Formation Formation // the quantities of its process types; nil if no release is current
	Stale     bool      // the coordinator has no quorum: this was true at some earlier moment
}

// Update is a change of a followed app: a snapshot, or why there is none at present.
type Update struct {
	Snapshot
	Err error // the coordinator's trouble, sent once until it answers again; Follow continues
}

// Snapshot returns what should run of an app. An app without a current release is no error.
func (r *Releases) Snapshot(ctx context.Context, app string) (Snapshot, error) {
	return r.snapshot(ctx, app, true)
}

func (r *Releases) snapshot(ctx context.Context, app string, allowStale bool) (s Snapshot, err error) {
	if err := CheckApp(app); err != nil {
		return Snapshot{}, err
	}
	stale, err := r.read(ctx, allowStale, func(ctx context.Context, from coordinator.Reader) (err error) {
		s, err = snapshot(r.begin(ctx, app, from))
		return err
	})
	if err != nil {
		return Snapshot{}, err
	}
	s.Stale = stale
	return s, nil
}

func snapshot(tx *transaction) (s Snapshot, err error) {
	row, err := tx.current()
	if err != nil || row.Version == 0 {
		return s, err
	}
	if s.Current, err = tx.release(row.Version); err != nil {
		return s, err
	}
	rows, err := tx.formation(s.Current.ProcessTypes)
	s.Formation = rows.of(s.Current.ProcessTypes)
	return s, err
}

// Follow sends what should run of an app: at once, and whenever it changes, until ctx ends; then it
// closes the channel. It may skip a change when a later one is known already. It never skips the
// last one, whatever happens to the coordinator meanwhile: when a watch ends or its revision is
// compacted, Follow reads again and watches from there. Trouble is sent when it has lasted for
// [Options.RetryTime]; if nothing was sent before, a stale snapshot precedes it where there is one.
// For a malformed app name the error is the only update.
func (r *Releases) Follow(ctx context.Context, app string) <-chan Update {
	f := follower{Releases: r, app: app, out: make(chan Update)}
	go func() {
		defer close(f.out)
		if err := CheckApp(app); err != nil {
			f.send(ctx, Update{Err: err})
			return
		}
		for ctx.Err() == nil {
			if err := f.watch(ctx); ctx.Err() == nil {
				f.pause(ctx, err)
			}
		}
	}()
	return f.out
}

// follower is one Follow under way.
type follower struct {
	*Releases
	app      string
	out      chan Update
	last     *Snapshot // what was sent
	troubled bool      // trouble was sent
	since    time.Time // when the trouble began; zero: there is none
	failures int
}

// watch reads, sends, and watches until something breaks.
func (f *follower) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx) // ends the watch
	defer cancel()
	// The revision is older than the snapshot: a change in between is read twice, never missed.
	_, rev, err := f.c.List(ctx, f.keys().root()+"none/")
	if err != nil {
		return err
	}
	if err := f.read(ctx); err != nil {
		return err
	}
	deliveries := f.c.Watch(ctx, f.keys().root(), rev+1)
	// A watch waits silently for a cluster that is gone. Reading from time to time finds that out.
	tick := time.NewTicker(f.o.RetryTime)
	defer tick.Stop()
	for {
		select {
		case d, ok := <-deliveries:
			switch {
			case !ok:
				return errors.New("the watch ended")
			case d.Err != nil:
				return d.Err
			case !f.isRelevant(d):
				continue
			}
		case <-tick.C:
		}
		if err := f.read(ctx); err != nil {
			return err
		}
	}
}

func (f *follower) keys() keys { return keys{f.app} }

// isRelevant reports whether a commit can change the snapshot: releases are immutable, and pending
// ones do not run.
func (f *follower) isRelevant(d coordinator.Delivery) bool {
	return slices.ContainsFunc(d.Events, func(e coordinator.Event) bool {
		return e.Key == f.keys().current() || strings.HasPrefix(e.Key, f.keys().row(""))
	})
}

// read sends the snapshot if it has changed.
func (f *follower) read(ctx context.Context) error {
	s, err := f.snapshot(ctx, f.app, false)
	if err != nil {
		return err
	}
	f.failures, f.since = 0, time.Time{}
	if !f.troubled && f.last != nil && reflect.DeepEqual(*f.last, s) {
		return nil
	}
	f.last, f.troubled = &s, false
	f.send(ctx, Update{Snapshot: s})
	return nil
}

// pause sends trouble that lasts, once, and waits before the next attempt.
func (f *follower) pause(ctx context.Context, err error) {
	f.failures++
	if f.since.IsZero() {
		f.since = time.Now()
	}
	_, retried := errors.AsType[*fault.Error](err) // a read has been retried for as long
	if !f.troubled && (retried || time.Since(f.since) >= f.o.RetryTime) {
		f.troubled = true
		if f.last == nil {
			f.readStale(ctx)
		}
		f.send(ctx, Update{Err: fault.Of(explain(err))})
	}
	sleep(ctx, rand.N(min(25*time.Millisecond<<min(f.failures, 10), 2*time.Second)))
}

// readStale sends what any member knows, if one answers.
func (f *follower) readStale(ctx context.Context) {
	c, can := f.c.(coordinator.StaleReader)
	if !can {
		return
	}
	var s Snapshot
	err := f.retry(ctx, staleTime, func(ctx context.Context) (err error) {
		s, err = snapshot(f.begin(ctx, f.app, c.Stale()))
		return err
	})
	if err == nil {
		s.Stale = true
		f.last = &s
		f.send(ctx, Update{Snapshot: s})
	}
}

func (f *follower) send(ctx context.Context, u Update) {
	select {
	case f.out <- u:
	case <-ctx.Done():
	}
}
