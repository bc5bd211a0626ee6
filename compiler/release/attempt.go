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

// transact runs do on a fresh view and commits what it wrote, again and again until no read of it was overtaken. A refusal of do is
// checked the same way before it is returned, for do may have read some keys before another's commit and some after.
func (r *Releases) transact(ctx context.Context, app string, again effect, do func(*view) error) error {
	if err := CheckApp(app); err != nil {
		return err
	}
	return r.attempt(ctx, func(ctx context.Context) error {
		v := &view{keys: keys{app}, ctx: ctx, c: r.c, read: map[string]coordinator.Entry{}}
		refusal := do(v)
		if mark, ok := errors.AsType[*fault.Error](refusal); refusal != nil && (!ok || mark.Code != fault.ExitRelease) {
			return refusal
		}
		if refusal != nil {
			v.writes = nil
		}
		if len(v.writes) == 0 && len(v.compares) < 2 {
			return refusal // one read is consistent
		}
		if _, err := r.c.Commit(ctx, v.compares, v.writes); err != nil {
			if again == onceOnly && len(v.writes) > 0 && !errors.Is(err, coordinator.ErrConflict) {
				return unknown{err}
			}
			return err
		}
		return refusal
	})
}

// unknown marks the error of a commit that must not be tried again.
type unknown struct{ error }

func (u unknown) Unwrap() error { return u.error }

// attempt runs do until it succeeds, fails for good, ctx ends, or the coordinator has been unavailable for too long.
func (r *Releases) attempt(ctx context.Context, do func(context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultDeadline)
		defer cancel()
	}
	var gone time.Time // since when the coordinator has been unavailable
	for conflicts, failures := 0, 0; ; {
		began := time.Now()
		err := do(ctx)
		var pause time.Duration
		switch {
		case errors.Is(err, coordinator.ErrConflict):
			conflicts, failures = conflicts+1, 0
			pause = min(time.Millisecond<<min(conflicts, 10), 100*time.Millisecond)
		case errors.Is(err, coordinator.ErrUnavailable) && !errors.As(err, new(unknown)):
			if failures++; failures == 1 {
				gone = began
			}
			if time.Since(gone) >= r.o.Patience {
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
		return fault.TransientError("release/coordinator-unavailable", err, "it may have been done all the same: look before you try again")
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
