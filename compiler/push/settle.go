package push

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slugc/cache"
	"slugc/compiler/release"
)

// Outcome is what became of a push that its own hooks did not settle.
type Outcome struct {
	App     string `json:"app"`
	Version int    `json:"version"` // 0: nothing had been registered
	Commit  string `json:"commit"`
	State   State  `json:"state"` // promoted or abandoned
}

// settle decides a push's fate if that is known already: promoted if the push has moved a ref that
// is still where it put it, abandoned if it has moved none and cannot move one any longer. over
// says that the push has no process left that could move one. The caller holds the repository's
// lock. settle saves rec, or removes it when nothing is left to do.
func (h *Hook) settle(ctx context.Context, releases *release.Releases, rec *Record, over bool) (*Outcome, error) {
	outcome := &Outcome{App: rec.App, Version: rec.Version, Commit: rec.commit(), State: rec.State}
	if !rec.settled() {
		moved, undecided, err := h.hasMoved(ctx, rec)
		if err != nil {
			return nil, err
		}
		switch {
		case moved:
			err = h.promote(ctx, releases, rec)
		case over || !undecided:
			err = h.abandon(ctx, releases, rec)
		default:
			return nil, h.Repo.save(rec)
		}
		if err != nil {
			return nil, err
		}
		outcome.State, outcome.Version = rec.State, rec.Version
	} else if over {
		outcome = nil // it was reported when the push was settled
	}
	if !over {
		return outcome, h.Repo.save(rec)
	}
	if err := h.Repo.cleanUp(ctx, rec); err != nil {
		return nil, err
	}
	return outcome, h.Repo.remove(rec)
}

// hasMoved returns whether the push has moved a ref that is still where it put it, and if not,
// whether it may still move one. The package comment says why that can be known.
func (h *Hook) hasMoved(ctx context.Context, rec *Record) (moved, undecided bool, err error) {
	if rec.State != Accepted {
		return false, true, nil
	}
	for _, ref := range rec.Refs {
		if ref.Phase == Aborted {
			continue
		}
		value, err := h.Repo.refValue(ctx, ref.Ref)
		if err != nil {
			return false, false, err
		}
		evidence := ref.Phase == Prepared || !rec.Transactions
		if evidence && value == ref.New && !h.Repo.stillLocks(rec, ref.Ref) {
			return true, false, nil
		}
		undecided = true
	}
	return false, undecided, nil
}

// promote makes the push's release current. A release that somebody else has ended or removed stays
// so, with a warning: trying again would block every later push.
func (h *Hook) promote(ctx context.Context, releases *release.Releases, rec *Record) error {
	_, err := releases.Promote(ctx, rec.App, rec.Version)
	rec.State = Promoted
	if errors.Is(err, release.ErrNotPending) || errors.Is(err, release.ErrUnknownVersion) {
		h.Report.Warn(fmt.Sprintf("%s names %s, but its release cannot become current: %v",
			refName(rec.Refs[0].Ref), shortID(rec.commit()), err))
		rec.State = Abandoned
		return nil
	}
	if err == nil {
		h.accept(rec)
	}
	return err
}

// accept lets later builds use what the build of the push has left. If that fails, they only cost more.
func (h *Hook) accept(rec *Record) {
	home, err := cache.Open(h.Settings.Home)
	var app *cache.App
	if err == nil {
		app, err = home.App(rec.App)
	}
	if err == nil {
		err = app.Accept(rec.ID)
	}
	if err != nil {
		h.Report.Warn("keeping what the build left for the next: " + err.Error())
	}
}

// abandon ends the push's registration, even one that is still on its way.
func (h *Hook) abandon(ctx context.Context, releases *release.Releases, rec *Record) error {
	if rec.State != Building {
		made, err := releases.Cancel(ctx, rec.App, rec.Key)
		if err != nil {
			return err
		}
		rec.Version = made.Version
		if made.Status == release.Current || made.Status == release.Superseded {
			rec.State = Promoted // by a process that was killed before it could record that
			h.accept(rec)
			return nil
		}
	}
	rec.State = Abandoned
	return nil
}

// Settle settles every push that has no process left, and returns what became of them.
func (h *Hook) Settle(ctx context.Context) ([]Outcome, error) {
	list, err := h.Repo.Pushes()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	var outcomes []Outcome
	for _, rec := range list {
		if rec.alive() {
			continue
		}
		one, err := h.settleOne(ctx, rec.ID)
		if err != nil {
			return outcomes, err
		}
		if one != nil {
			outcomes = append(outcomes, *one)
		}
	}
	return outcomes, nil
}

// settleOne settles a push that has no process left.
func (h *Hook) settleOne(ctx context.Context, id string) (*Outcome, error) {
	unlock, err := h.Repo.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	rec, err := h.Repo.load(id) // again, under the lock
	if rec == nil || err != nil {
		return nil, err
	}
	releases, done, err := h.Releases(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return h.settle(ctx, releases, rec, true)
}

// A settler whose coordinator does not answer tries again, with growing pauses, for retryTime.
// After that, the next push settles this one.
const (
	firstPause = time.Second
	lastPause  = time.Minute
	retryTime  = 24 * time.Hour
)

// SettleWhenOver waits until a push has no process left, then settles it and reports the outcome.
// If that fails, it tries again for a day. The settler, a process that outlives the push, runs it.
func (h *Hook) SettleWhenOver(ctx context.Context, id string) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		rec, err := h.Repo.load(id)
		if rec == nil || err != nil {
			return err
		}
		if !rec.alive() {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	until := time.Now().Add(retryTime)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		outcome, err := h.settleOne(ctx, id)
		if err == nil {
			h.ReportOutcome(outcome)
			return nil
		}
		if time.Now().After(until) || errors.Is(err, context.Canceled) {
			return err
		}
		h.Report.Warn(err.Error())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ReportOutcome tells the user what became of a push whose own hooks did not say so. nil is no
// outcome.
func (h *Hook) ReportOutcome(o *Outcome) {
	if o == nil || o.Version == 0 {
		return
	}
	fate := "is abandoned"
	if o.State == Promoted {
		fate = "has become current"
	}
	h.Report.Detail(fmt.Sprintf("%s v%d of an interrupted push (%s) %s", o.App, o.Version, shortID(o.Commit), fate))
}
