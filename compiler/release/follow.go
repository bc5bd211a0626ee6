package release

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"time"

	"slugc/compiler/fault"
)

// Snapshot is what of an app is to run, as of one moment.
type Snapshot struct {
	Current   Release   // Version 0: no release is current yet
	Formation Formation // the quantities of its process types; nil if no release is current
}

// Update is one piece of news of a followed app: a snapshot, or why none can be had just now.
type Update struct {
	Snapshot
	Err error // the coordinator's trouble, told once until it answers again; following goes on
}

// Snapshot returns what of an app is to run. An app without a current release is no error.
func (r *Releases) Snapshot(ctx context.Context, app string) (s Snapshot, err error) {
	err = r.transact(ctx, app, repeatable, func(v *view) error {
		s = Snapshot{}
		row, err := v.current()
		if err != nil || row.Version == 0 {
			return err
		}
		if s.Current, err = v.release(row.Version); err != nil {
			return err
		}
		rows, err := v.formation()
		s.Formation = rows.of(s.Current.ProcessTypes)
		return err
	})
	if err != nil {
		return Snapshot{}, err
	}
	return s, nil
}

// Follow sends what of an app is to run: as it is now, and again whenever it changes, until ctx ends; then the channel is closed. A change
// may be skipped when a later one is there already; the last one never is, whatever happens to the coordinator in between: when a watch ends or its
// revision is compacted, Follow reads anew and watches from there. A malformed app name is the one update.
func (r *Releases) Follow(ctx context.Context, app string) <-chan Update {
	out := make(chan Update)
	go func() {
		defer close(out)
		if err := CheckApp(app); err != nil {
			f := follower{Releases: r, app: app, out: out}
			f.send(ctx, Update{Err: err})
			return
		}
		f := follower{Releases: r, app: app, out: out}
		for ctx.Err() == nil {
			if err := f.watch(ctx); err != nil && ctx.Err() == nil {
				f.pause(ctx, err)
			}
		}
	}()
	return out
}

// follower is one Follow under way.
type follower struct {
	*Releases
	app      string
	out      chan<- Update
	last     *Snapshot // what was sent
	troubled bool      // the trouble was told
	failures int
}

// watch reads, sends, and watches until something breaks.
func (f *follower) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx) // ends the watch
	defer cancel()
	// The revision is older than the snapshot: a change in between is seen twice, never missed.
	_, rev, err := f.c.List(ctx, keys{f.app}.root()+"none/")
	if err != nil {
		return err
	}
	if err := f.read(ctx); err != nil {
		return err
	}
	for d := range f.c.Watch(ctx, keys{f.app}.root(), rev+1) {
		if d.Err != nil {
			return d.Err
		}
		if err := f.read(ctx); err != nil {
			return err
		}
	}
	return errors.New("the watch ended")
}

// read sends the snapshot if it is news.
func (f *follower) read(ctx context.Context) error {
	s, err := f.Snapshot(ctx, f.app)
	if err != nil {
		return err
	}
	f.failures = 0
	if !f.troubled && f.last != nil && reflect.DeepEqual(*f.last, s) {
		return nil
	}
	f.last, f.troubled = &s, false
	f.send(ctx, Update{Snapshot: s})
	return nil
}

// pause tells of trouble once, and waits before the next try.
func (f *follower) pause(ctx context.Context, err error) {
	if f.failures++; !f.troubled && f.failures > 1 {
		f.troubled = true
		f.send(ctx, Update{Err: fault.Of(explain(err))})
	}
	timer := time.NewTimer(rand.N(min(25*time.Millisecond<<min(f.failures, 10), 2*time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (f *follower) send(ctx context.Context, u Update) {
	select {
	case f.out <- u:
	case <-ctx.Done():
	}
}
