package push

import (
	"context"
	"errors"
	"fmt"

	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// ReferenceTransaction is the hook of that name (githooks(5)) in one of its phases. receiver is the
// receive-pack whose transaction it is, nil for another program's. On an error in the phase
// "prepared" git leaves all refs of the transaction unchanged; other phases cannot be stopped.
func (h *Hook) ReferenceTransaction(ctx context.Context, phase string, receiver *Process, updates []Update) error {
	list, err := h.Repo.Pushes()
	deploys := filterUpdates(updates, h.Settings.refs())
	if err != nil || len(deploys) == 0 || len(list) == 0 {
		return err
	}
	if phase != "prepared" && phase != "committed" && phase != "aborted" {
		return nil
	}
	unlock, err := h.Repo.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if list, err = h.Repo.Pushes(); err != nil {
		return err
	}
	releases, done, err := h.Releases(ctx)
	if err != nil {
		return err
	}
	defer done()
	t := transaction{Hook: h, releases: releases, updates: updates, deploys: deploys}
	for _, rec := range list {
		if receiver != nil && rec.ReceivePack == *receiver {
			t.own = rec
		} else if rec.touchesAny(deploys) {
			t.others = append(t.others, rec)
		}
	}
	switch phase {
	case "prepared":
		return t.prepared(ctx, receiver != nil)
	case "committed":
		return t.finish(ctx, Prepared)
	default:
		return t.finish(ctx, Aborted)
	}
}

// transaction is one call of the hook under the repository's lock.
type transaction struct {
	*Hook
	releases *release.Releases
	updates  []Update // all of the transaction
	deploys  []Update // those of deploy branches
	own      *Record  // of the push; nil: the transaction belongs to no known push
	others   []*Record
}

// prepared settles, while git holds the refs' locks, the pushes that moved the refs before, and
// records that this push is about to move them.
func (t *transaction) prepared(ctx context.Context, pushed bool) error {
	for _, other := range t.others {
		if err := t.settleEarlier(ctx, other); err != nil {
			return err
		}
	}
	if t.own == nil && !pushed {
		return nil // somebody who may write to the repository moves the branch by hand
	}
	if t.own == nil {
		return fault.New(fault.Slugc, fault.ExitRelease, "push/unknown-push",
			fmt.Errorf("moving %q: there is no release of this push", refName(t.deploys[0].Ref)), "push again")
	}
	rel, err := t.releases.Get(ctx, t.own.App, t.own.Version)
	if err != nil {
		return err
	}
	// The release is current already if another ref of this push has moved.
	if rel.Status != release.Pending && t.own.State != Promoted {
		return fault.New(fault.Slugc, fault.ExitRelease, "push/not-pending",
			fmt.Errorf("moving %q: v%d of %s is %s", refName(t.deploys[0].Ref), rel.Version, t.own.App, rel.Status),
			"push again")
	}
	t.setPhase(Prepared)
	if t.own.Locks == nil {
		t.own.Locks = map[string]inode{}
	}
	for _, u := range t.updates {
		if lock := stat(t.Repo.lockFile(u.Ref)); lock != nil {
			t.own.Locks[u.Ref] = *lock
		}
	}
	return t.Repo.save(t.own)
}

// overtake settles another push on the same refs before they move on. Its own transactions are
// over, for git holds the refs' locks for this one: a ref that it prepared and that is not where it
// receiveSettings it was not moved.
func (t *transaction) settleEarlier(ctx context.Context, other *Record) error {
	alive := other.alive()
	if alive && other.State != Accepted {
		return nil // its pre-receive hook still writes the record, or it is settled already
	}
	for i := range other.Refs {
		ref := &other.Refs[i]
		if ref.Phase != Prepared || len(filterUpdates(t.deploys, []string{ref.Ref})) == 0 {
			continue
		}
		value, err := t.Repo.refValue(ctx, ref.Ref)
		if err != nil {
			return err
		}
		if value != ref.New {
			ref.Phase = Aborted
		}
	}
	_, err := t.settle(ctx, t.releases, other, !alive)
	return err
}

// finish settles this push after its transaction.
func (t *transaction) finish(ctx context.Context, phase Phase) error {
	if t.own == nil || t.own.settled() {
		return nil
	}
	t.setPhase(phase)
	_, err := t.settle(ctx, t.releases, t.own, false)
	return err
}

// setPhase records the phase of the transaction's deploy branches.
func (t *transaction) setPhase(phase Phase) {
	for i := range t.own.Refs {
		ref := &t.own.Refs[i]
		if len(filterUpdates(t.deploys, []string{ref.Ref})) > 0 {
			ref.Phase = phase
		}
	}
}

// PostReceive is the post-receive hook: the refs of updates have moved. It settles the push, unless
// the reference-transaction hook has, and reports the release to the pusher.
func (h *Hook) PostReceive(ctx context.Context, receiver Process, updates []Update) error {
	list, err := h.Repo.Pushes()
	if err != nil {
		return err
	}
	for _, rec := range list {
		if rec.ReceivePack == receiver {
			return h.finishReceived(ctx, rec.ID, updates)
		}
	}
	return nil
}

func (h *Hook) finishReceived(ctx context.Context, id string, updates []Update) error {
	unlock, err := h.Repo.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	rec, err := h.Repo.load(id)
	if rec == nil || err != nil {
		return err
	}
	for i := range rec.Refs {
		if len(filterUpdates(updates, []string{rec.Refs[i].Ref})) > 0 {
			rec.Refs[i].Phase = Prepared // git has moved the ref
		}
	}
	releases, done, err := h.Releases(ctx)
	if err == nil {
		defer done()
		_, err = h.settle(ctx, releases, rec, true)
	}
	if f := fault.Of(err); f != nil && !errors.Is(err, context.Canceled) {
		f.Hints = append(f.Hints, fmt.Sprintf(
			"v%d of %s becomes current as soon as that works; `slugc hook status %s` says when",
			rec.Version, rec.App, h.Repo.Dir))
		return f
	}
	if err == nil && rec.State == Promoted {
		for i, line := range rec.Report {
			if i == 0 {
				h.Report.Step(line)
			} else {
				h.Report.Detail(line)
			}
		}
	}
	return err
}

// touchesAny reports whether the push would move one of these refs.
func (r *Record) touchesAny(updates []Update) bool {
	for _, u := range updates {
		if r.touches(u.Ref) {
			return true
		}
	}
	return false
}
