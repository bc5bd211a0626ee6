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

// Snapshot is what of an app is to run, as of one moment.
type Snapshot struct {
	Current   Release   // Version 0: no release is current yet
	Formation Formation // the quantities of its process types; nil if no release is current
	Stale     bool      // the coordinator has no quorum: this was true at some earlier moment
}

// Update is one piece of news of a followed app: a snapshot, or why none can be had just now.
type Update struct {
	Snapshot
	Err error // the coordinator's trouble, told once until it answers again; following goes on
}

// Snapshot returns what of an app is to run. An app without a current release is no error.
func (r *Releases) Snapshot(ctx context.Context, app string) (Snapshot, error) {
	return r.snapshot(ctx, app, true)
}

func (r *Releases) snapshot(ctx context.Context, app string, allowed bool) (s Snapshot, err error) {
	if err := CheckApp(app); err != nil {
		return Snapshot{}, err
	}
	stale, err := r.read(ctx, allowed, func(ctx context.Context, from coordinator.Reader) (err error) {
		s, err = snapshot(r.view(ctx, app, from))
		return err
	})
	if err != nil {
		return Snapshot{}, err
	}
	s.Stale = stale
	return s, nil
}

func snapshot(v *view) (s Snapshot, err error) {
	row, err := v.current()
	if err != nil || row.Version == 0 {
		return s, err
	}
	if s.Current, err = v.release(row.Version); err != nil {
		return s, err
	}
	rows, err := v.formation(s.Current.ProcessTypes)
	s.Formation = rows.of(s.Current.ProcessTypes)
	return s, err
}

// Follow sends what of an app is to run: as it is now, and again whenever it changes, until ctx
// ends; then the channel is closed. A change may be skipped when a later one is there already; the
// last one never is, whatever happens to the coordinator in between: when a watch ends or its
// revision is compacted, Follow reads anew and watches from there. Trouble is told when it has
// lasted for [Options.Patience]; if nothing could be sent before, a stale snapshot goes ahead of it
// where one can be had. A malformed app name is the one update.
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
	troubled bool      // the trouble was told
	since    time.Time // when it began; zero: there is none
	failures int
}

// watch reads, sends, and watches until something breaks.
func (f *follower) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx) // ends the watch
	defer cancel()
	// The revision is older than the snapshot: a change in between is seen twice, never missed.
	_, rev, err := f.c.List(ctx, f.keys().root()+"none/")
	if err != nil {
		return err
	}
	if err := f.read(ctx); err != nil {
		return err
	}
	deliveries := f.c.Watch(ctx, f.keys().root(), rev+1)
	// A watch waits in silence for a cluster that is gone, so now and then it is asked whether it
	// is there.
	tick := time.NewTicker(f.o.Patience)
	defer tick.Stop()
	for {
		select {
		case d, ok := <-deliveries:
			switch {
			case !ok:
				return errors.New("the watch ended")
			case d.Err != nil:
				return d.Err
			case !f.matters(d):
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

// matters says whether a commit can change the snapshot: releases are immutable, and pending ones
// are not run.
func (f *follower) matters(d coordinator.Delivery) bool {
	return slices.ContainsFunc(d.Events, func(e coordinator.Event) bool {
		return e.Key == f.keys().current() || strings.HasPrefix(e.Key, f.keys().row(""))
	})
}

// read sends the snapshot if it is news.
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

// pause tells of trouble that lasts, once, and waits before the next try.
func (f *follower) pause(ctx context.Context, err error) {
	f.failures++
	if f.since.IsZero() {
		f.since = time.Now()
	}
	_, patient := errors.AsType[*fault.Error](err) // it is an error of reading, which had its time
	if !f.troubled && (patient || time.Since(f.since) >= f.o.Patience) {
		f.troubled = true
		if f.last == nil {
			f.readStale(ctx)
		}
		f.send(ctx, Update{Err: fault.Of(explain(err))})
	}
	timer := time.NewTimer(rand.N(min(25*time.Millisecond<<min(f.failures, 10), 2*time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// readStale sends what any member knows.
func (f *follower) readStale(ctx context.Context) {
	c, can := f.c.(coordinator.StaleReader)
	if !can {
		return
	}
	var s Snapshot
	err := f.attempt(ctx, staleTime, func(ctx context.Context) (err error) {
		s, err = snapshot(f.view(ctx, f.app, c.Stale()))
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
