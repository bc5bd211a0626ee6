package push

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slugc/compiler/release"
)

// Settled is what became of a push that its own hooks did not bring to an end.
type Settled struct {
	App     string `json:"app"`
	Version int    `json:"version"` // 0: nothing had been registered
	Commit  string `json:"commit"`
	State   State  `json:"state"` // promoted or abandoned
}

// settle brings a push to its end, if that can be told: promoted if it has moved a ref that is
// still where it put it, abandoned if it moved none and cannot any more. over says that the push
// has no process left that could. The repository's lock must be held. rec is saved as it then is,
// or removed if nothing of the push is left to do.
func (h *Hook) settle(ctx context.Context, releases *release.Releases, rec *Record, over bool) (*Settled, error) {
	said := &Settled{App: rec.App, Version: rec.Version, Commit: rec.commit(), State: rec.State}
	if !rec.settled() {
		moved, open, err := h.moved(ctx, rec)
		if err != nil {
			return nil, err
		}
		switch {
		case moved:
			err = h.promote(ctx, releases, rec)
		case over || !open:
			err = h.abandon(ctx, releases, rec)
		default:
			return nil, h.Repo.save(rec)
		}
		if err != nil {
			return nil, err
		}
		said.State, said.Version = rec.State, rec.Version
	} else if over {
		said = nil // it was told when it was settled
	}
	if !over {
		return said, h.Repo.save(rec)
	}
	if err := h.Repo.clear(ctx, rec); err != nil {
		return nil, err
	}
	return said, h.Repo.remove(rec)
}

// moved says whether the push has moved a ref to where that still is, and whether it may yet move
// one. See the package comment for why that can be told.
func (h *Hook) moved(ctx context.Context, rec *Record) (moved, open bool, err error) {
	if rec.State != Accepted {
		return false, true, nil
	}
	for _, ref := range rec.Refs {
		if ref.Move == Aborted {
			continue
		}
		value, err := h.Repo.value(ctx, ref.Ref)
		if err != nil {
			return false, false, err
		}
		evidence := ref.Move == Prepared || !rec.ByMoves
		if evidence && value == ref.New && !h.Repo.holds(rec, ref.Ref) {
			return true, false, nil
		}
		open = true
	}
	return false, open, nil
}

// promote makes the push's release current. One that somebody has ended otherwise, or removed, is
// left so: to try again would stop every later push.
func (h *Hook) promote(ctx context.Context, releases *release.Releases, rec *Record) error {
	_, err := releases.Promote(ctx, rec.App, rec.Version)
	rec.State = Promoted
	if errors.Is(err, release.ErrNotPending) || errors.Is(err, release.ErrUnknownVersion) {
		h.Report.Warn(
			fmt.Sprintf(
				"%s names %s, but its release cannot become current: %v",
				name(rec.Refs[0].Ref),
				short(rec.commit()),
				err,
			),
		)
		rec.State = Abandoned
		return nil
	}
	return err
}

// abandon ends the push's registration, also one that is still on its way.
func (h *Hook) abandon(ctx context.Context, releases *release.Releases, rec *Record) error {
	if rec.State != Building {
		made, err := releases.Cancel(ctx, rec.App, rec.Key)
		if err != nil {
			return err
		}
		rec.Version = made.Version
		if made.Status == release.Current || made.Status == release.Superseded {
			rec.State = Promoted // by a process that was killed before it could say so
			return nil
		}
	}
	rec.State = Abandoned
	return nil
}

// Settle brings every push to an end that has no process left, and returns what became of them.
func (h *Hook) Settle(ctx context.Context) ([]Settled, error) {
	list, err := h.Repo.Pushes()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	var settled []Settled
	for _, rec := range list {
		if rec.alive() {
			continue
		}
		one, err := h.settleOne(ctx, rec.ID)
		if err != nil {
			return settled, err
		}
		if one != nil {
			settled = append(settled, *one)
		}
	}
	return settled, nil
}

// settleOne settles a push that has no process left.
func (h *Hook) settleOne(ctx context.Context, id string) (*Settled, error) {
	unlock, err := h.Repo.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	rec, err := h.Repo.load(id) // as it is now
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

// The pauses between tries of a settler whose coordinator does not answer, and for how long it
// tries. What is left then, the next push settles.
const (
	firstPause = time.Second
	lastPause  = time.Minute
	patience   = 24 * time.Hour
)

// Await waits until a push has no process left, then settles it, trying again for a day where that
// fails. It is the work of the settler, a process that outlives the push.
func (h *Hook) Await(ctx context.Context, id string) error {
	tick := time.NewTicker(beat)
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
	until := time.Now().Add(patience)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		settled, err := h.settleOne(ctx, id)
		if err == nil {
			h.Tell(settled)
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

// Tell says what became of a push whose own hooks did not say so.
func (h *Hook) Tell(s *Settled) {
	switch {
	case s == nil || s.Version == 0:
	case s.State == Promoted:
		h.Report.Detail(
			fmt.Sprintf("%s v%d of an interrupted push (%s) has become current", s.App, s.Version, short(s.Commit)),
		)
	default:
		h.Report.Detail(
			fmt.Sprintf("%s v%d of an interrupted push (%s) is abandoned", s.App, s.Version, short(s.Commit)),
		)
	}
}
