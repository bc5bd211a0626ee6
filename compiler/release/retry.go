package release

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"slugc/cache/disk"
	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// defaultDeadline bounds calls whose context has no deadline.
const defaultDeadline = 30 * time.Second

// effect says what happens when a commit whose outcome is unknown is tried again.
type effect bool

const (
	idempotent    effect = true  // it finds what was done, and nothing is done twice
	notIdempotent effect = false // it might be done twice: the caller must look
)

// update runs do on a transaction and commits what it wrote, until no conflict is left.
func (r *Releases) update(ctx context.Context, app string, again effect, do func(*transaction) error) error {
	return r.updateCached(ctx, app, again, false, do)
}

// updateCached is update. With cached, do's first transaction reads what this process's last writer
// of the app left, if that is known; its result counts only if it can be committed.
func (r *Releases) updateCached(
	ctx context.Context, app string, again effect, cached bool, do func(*transaction) error,
) error {
	if err := CheckApp(app); err != nil {
		return err
	}
	return r.retry(ctx, r.o.RetryTime, func(ctx context.Context) error {
		q, leave := r.queues.enter(ctx, app)
		defer leave()
		left := q.takeCache()
		if cached && left != nil {
			tx := r.begin(ctx, app, r.c)
			tx.cached = left
			if do(tx) == nil && len(tx.writes) > 0 {
				err := r.commit(tx, q, again)
				if !errors.Is(err, coordinator.ErrConflict) {
					return err
				}
			}
		}
		tx := r.begin(ctx, app, r.c)
		if err := do(tx); err != nil || len(tx.writes) == 0 {
			return err
		}
		return r.commit(tx, q, again)
	})
}

// begin begins a transaction.
func (r *Releases) begin(ctx context.Context, app string, from coordinator.Reader) *transaction {
	return &transaction{
		keys: keys{app}, ctx: ctx, from: from,
		read: map[string]coordinator.Entry{}, unchecked: map[string]bool{},
	}
}

func (r *Releases) commit(tx *transaction, q *appQueue, again effect) error {
	left, err := tx.commit(r.c)
	if err != nil {
		if again == notIdempotent && !errors.Is(err, coordinator.ErrConflict) {
			return unknownOutcome{err}
		}
		return err
	}
	q.setCache(left)
	return nil
}

// staleTime is how long a read without a quorum may take.
const staleTime = time.Second

// read runs do on a reader, again and again until it succeeds. Where no quorum answers and
// allowStale is set, it runs do on what any member knows, and returns true.
func (r *Releases) read(
	ctx context.Context, allowStale bool, do func(context.Context, coordinator.Reader) error,
) (stale bool, err error) {
	try := func(limit time.Duration, from coordinator.Reader) error {
		return r.retry(ctx, limit, func(ctx context.Context) error { return do(ctx, from) })
	}
	err = try(r.o.RetryTime, r.c)
	s, can := r.c.(coordinator.StaleReader)
	if !allowStale || !can || !errors.Is(err, coordinator.ErrUnavailable) {
		return false, err
	}
	late := try(staleTime, s.Stale())
	if errors.Is(late, coordinator.ErrUnavailable) || errors.Is(late, context.Canceled) {
		return false, err
	}
	return true, late
}

// readOrStale is read for callers that are told of a stale answer through [Options.OnStale].
func (r *Releases) readOrStale(ctx context.Context, do func(context.Context, coordinator.Reader) error) error {
	stale, err := r.read(ctx, r.o.OnStale != nil, do)
	if stale {
		r.o.OnStale()
	}
	return err
}

// readApp is readOrStale for one app.
func (r *Releases) readApp(ctx context.Context, app string, do func(*transaction) error) error {
	if err := CheckApp(app); err != nil {
		return err
	}
	return r.readOrStale(ctx, func(ctx context.Context, from coordinator.Reader) error {
		return do(r.begin(ctx, app, from))
	})
}

// unknownOutcome is the error of a commit that must not be tried again.
type unknownOutcome struct{ error }

func (u unknownOutcome) Unwrap() error { return u.error }

// retry runs do until it succeeds, fails for good, ctx ends, or the coordinator has been
// unavailable for as long as limit, the last attempt included.
func (r *Releases) retry(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultDeadline)
		defer cancel()
	}
	var since time.Time // the coordinator has been unavailable; zero: it is available
	var why error       // what it said last, before time was up
	for conflicts, failures := 0, 0; ; {
		began := time.Now()
		err := untilLimit(ctx, since, limit, do)
		_, unknown := errors.AsType[unknownOutcome](err)
		if late := errors.Is(err, context.DeadlineExceeded); late && why != nil && !unknown {
			err = why
		} else if !late && errors.Is(err, coordinator.ErrUnavailable) {
			why = err
		}
		var pause time.Duration
		switch {
		case errors.Is(err, coordinator.ErrConflict):
			conflicts, failures, since = conflicts+1, 0, time.Time{}
			pause = min(time.Millisecond<<min(conflicts, 10), 100*time.Millisecond)
		case ctx.Err() != nil && conflicts > 0 && failures == 0 && errors.Is(err, context.DeadlineExceeded):
			return explain(coordinator.ErrConflict) // the coordinator answered all the time
		case errors.Is(err, coordinator.ErrUnavailable) && !unknown:
			if failures++; failures == 1 {
				since = began
			}
			if time.Since(since) >= limit {
				return explain(err)
			}
			pause = min(25*time.Millisecond<<min(failures, 10), 500*time.Millisecond)
		default:
			return explain(err)
		}
		// The pause is random so that those who met do not meet again.
		if !sleep(ctx, rand.N(pause)) {
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return explain(err)
		}
	}
}

// untilLimit runs do; if the coordinator is unavailable, until limit has passed since then.
func untilLimit(
	ctx context.Context, since time.Time, limit time.Duration, do func(context.Context) error,
) error {
	if !since.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, since.Add(limit))
		defer cancel()
	}
	return do(ctx)
}

// sleep waits, and returns false if ctx ends before.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// orZero drops a release that was made in an attempt that failed.
func orZero(rel Release, err error) (Release, error) {
	if err != nil {
		return Release{}, err
	}
	return rel, nil
}

// explain marks the coordinator's errors with an owner.
func explain(err error) error {
	if _, unknown := errors.AsType[unknownOutcome](err); unknown {
		return fault.TransientError("release/coordinator-unavailable", err,
			"it may have been done all the same: look before you try again")
	}
	if _, ok := errors.AsType[*fault.Error](err); ok || err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if _, trouble := disk.TroubleOf(err); trouble {
		return fault.Of(err)
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
