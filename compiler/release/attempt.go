package release

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// defaultDeadline bounds calls whose context has no deadline.
const defaultDeadline = 30 * time.Second

// effect says what trying a commit again does whose outcome is unknown.
type effect bool

const (
	repeatable effect = true  // it finds what was done, and nothing is done twice
	onceOnly   effect = false // it may do it twice: the caller must look
)

// change runs do on a view and commits what it wrote, again and again until nothing it read was
// overtaken.
func (r *Releases) change(ctx context.Context, app string, again effect, do func(*view) error) error {
	return r.changeKnown(ctx, app, again, false, do)
}

// changeKnown is change. With guess, do's first view shows what this process last knew of the app,
// if anything; what do makes of that counts only if it is committed.
func (r *Releases) changeKnown(ctx context.Context, app string, again effect, guess bool, do func(*view) error) error {
	if err := CheckApp(app); err != nil {
		return err
	}
	return r.attempt(ctx, r.o.Patience, func(ctx context.Context) error {
		l, leave := r.queue.enter(ctx, app)
		defer leave()
		known := l.take()
		if guess && known != nil {
			v := r.view(ctx, app, r.c)
			v.known = known
			if do(v) == nil && len(v.writes) > 0 {
				err := r.commit(v, l, again)
				if !errors.Is(err, coordinator.ErrConflict) {
					return err
				}
			}
		}
		v := r.view(ctx, app, r.c)
		if err := do(v); err != nil || len(v.writes) == 0 {
			return err
		}
		return r.commit(v, l, again)
	})
}

// view begins a transaction.
func (r *Releases) view(ctx context.Context, app string, from coordinator.Reader) *view {
	return &view{keys: keys{app}, ctx: ctx, from: from, read: map[string]coordinator.Entry{}, loose: map[string]bool{}}
}

func (r *Releases) commit(v *view, l *line, again effect) error {
	known, err := v.commit(r.c)
	if err != nil {
		if again == onceOnly && !errors.Is(err, coordinator.ErrConflict) {
			return unknown{err}
		}
		return err
	}
	l.keep(known)
	return nil
}

// staleTime is how long a read without a quorum may take.
const staleTime = time.Second

// read runs do on a view until what it read was true at one moment. Where no quorum answers and
// allowed is set, it shows do what any member knows, and says so.
func (r *Releases) read(
	ctx context.Context,
	allowed bool,
	do func(context.Context, coordinator.Reader) error,
) (stale bool, err error) {
	try := func(patience time.Duration, from coordinator.Reader) error {
		return r.attempt(ctx, patience, func(ctx context.Context) error { return do(ctx, from) })
	}
	err = try(r.o.Patience, r.c)
	s, can := r.c.(coordinator.StaleReader)
	if !allowed || !can || !errors.Is(err, coordinator.ErrUnavailable) {
		return false, err
	}
	late := try(staleTime, s.Stale())
	if errors.Is(late, coordinator.ErrUnavailable) || errors.Is(late, context.Canceled) {
		return false, err
	}
	return true, late
}

// readView is read for one app through a view; the caller is told of a stale answer through
// [Options.Stale].
func (r *Releases) readView(ctx context.Context, app string, do func(*view) error) error {
	if err := CheckApp(app); err != nil {
		return err
	}
	return r.readTold(
		ctx,
		func(ctx context.Context, from coordinator.Reader) error { return do(r.view(ctx, app, from)) },
	)
}

func (r *Releases) readTold(ctx context.Context, do func(context.Context, coordinator.Reader) error) error {
	stale, err := r.read(ctx, r.o.Stale != nil, do)
	if stale {
		r.o.Stale()
	}
	return err
}

// unknown marks the error of a commit that must not be tried again.
type unknown struct{ error }

func (u unknown) Unwrap() error { return u.error }

// attempt runs do until it succeeds, fails for good, ctx ends, or the coordinator has been
// unavailable for as long as patience, the last try included.
func (r *Releases) attempt(ctx context.Context, patience time.Duration, do func(context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultDeadline)
		defer cancel()
	}
	var gone time.Time // since when the coordinator has been unavailable
	for conflicts, failures := 0, 0; ; {
		began := time.Now()
		err := within(ctx, gone, patience, do)
		var pause time.Duration
		switch {
		case errors.Is(err, coordinator.ErrConflict):
			conflicts, failures, gone = conflicts+1, 0, time.Time{}
			pause = min(time.Millisecond<<min(conflicts, 10), 100*time.Millisecond)
		case ctx.Err() != nil && conflicts > 0 && failures == 0 && errors.Is(err, context.DeadlineExceeded):
			return explain(coordinator.ErrConflict) // the time went by in conflicts, the coordinator answered
		case errors.Is(err, coordinator.ErrUnavailable) && !errors.As(err, new(unknown)):
			if failures++; failures == 1 {
				gone = began
			}
			if time.Since(gone) >= patience {
				return explain(err)
			}
			pause = min(25*time.Millisecond<<min(failures, 10), 500*time.Millisecond)
		default:
			return explain(err)
		}
		// The pause is random so that those who met do not meet again.
		timer := time.NewTimer(rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return explain(err)
		}
	}
}

// within runs do, until patience has passed since the trouble began if there is any.
func within(ctx context.Context, gone time.Time, patience time.Duration, do func(context.Context) error) error {
	if !gone.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, gone.Add(patience))
		defer cancel()
	}
	return do(ctx)
}

// orNone drops a release that came about in an attempt that failed.
func orNone(rel Release, err error) (Release, error) {
	if err != nil {
		return Release{}, err
	}
	return rel, nil
}

// explain marks errors of the coordinator with their owner.
func explain(err error) error {
	if errors.As(err, new(unknown)) {
		return fault.TransientError(
			"release/coordinator-unavailable",
			err,
			"it may have been done all the same: look before you try again",
		)
	}
	if _, ok := errors.AsType[*fault.Error](err); ok || err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	switch {
	case errors.Is(err, coordinator.ErrConflict):
		return fault.TransientError("release/contended", err, "many others are releasing this app: try again")
	case errors.Is(err, coordinator.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return fault.TransientError("release/coordinator-unavailable", err, "try again when the coordinator answers")
	case errors.Is(err, coordinator.ErrBadCommit):
		return fault.New(fault.App, fault.ExitRelease, "release/too-large", err,
			"move long commands of the Procfile into scripts, and shorten the description")
	}
	return err
}
