package push

import (
	"context"
	"errors"
	"fmt"

	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// Transact is the reference-transaction hook (githooks(5)) in one of its phases. receiver is the
// receive-pack whose transaction it is, nil for another program's. An error in the phase "prepared"
// has git leave all refs of the transaction as they are; other phases cannot be stopped.
func (h *Hook) Transact(ctx context.Context, phase string, receiver *Process, updates []Update) error {
	list, err := h.Repo.Pushes()
	deploys := ofRefs(updates, h.Settings.refs())
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
		if receiver != nil && rec.Receiver == *receiver {
			t.own = rec
		} else if rec.touchesAny(deploys) {
			t.others = append(t.others, rec)
		}
	}
	switch phase {
	case "prepared":
		return t.prepared(ctx, receiver != nil)
	case "committed":
		return t.ended(ctx, Prepared)
	default:
		return t.ended(ctx, Aborted)
	}
}

// transaction is one call of the hook under the repository's lock.
type transaction struct {
	*Hook
	releases *release.Releases
	updates  []Update // all of the transaction
	deploys  []Update // those of deploy branches
	own      *Record  // nil: the transaction is no known push's
	others   []*Record
}

// prepared settles whatever moved the refs before, while git holds their locks, and notes that this
// push is about to move them.
func (t *transaction) prepared(ctx context.Context, pushed bool) error {
	for _, other := range t.others {
		if err := t.overtake(ctx, other); err != nil {
			return err
		}
	}
	if t.own == nil {
		if pushed {
			return fault.New(
				fault.Slugc,
				fault.ExitRelease,
				"push/unknown-push",
				fmt.Errorf("moving %q: there is no release of this push", name(t.deploys[0].Ref)),
				"push again",
			)
		}
		return nil // somebody who may write to the repository moves the branch by hand
	}
	rel, err := t.releases.Get(ctx, t.own.App, t.own.Version)
	if err != nil {
		return err
	}
	// It is current where another ref of the same push has moved already.
	if rel.Status != release.Pending && t.own.State != Promoted {
		return fault.New(
			fault.Slugc,
			fault.ExitRelease,
			"push/not-pending",
			fmt.Errorf("moving %q: v%d of %s is %s", name(t.deploys[0].Ref), rel.Version, t.own.App, rel.Status),
			"push again",
		)
	}
	t.mark(Prepared)
	if t.own.Locks == nil {
		t.own.Locks = map[string]inode{}
	}
	for _, u := range t.updates {
		if seen := stat(t.Repo.lockFile(u.Ref)); seen != nil {
			t.own.Locks[u.Ref] = *seen
		}
	}
	return t.Repo.save(t.own)
}

// overtake settles another push on the same refs before they move on. Its own transactions are
// over, for git holds the refs' locks for this one: a ref that it prepared and that is not where it
// wanted it was not moved.
func (t *transaction) overtake(ctx context.Context, other *Record) error {
	alive := other.alive()
	if alive && other.State != Accepted {
		return nil // its pre-receive hook still writes the record, or there is nothing to decide
	}
	for i := range other.Refs {
		ref := &other.Refs[i]
		if ref.Move != Prepared || len(ofRefs(t.deploys, []string{ref.Ref})) == 0 {
			continue
		}
		value, err := t.Repo.value(ctx, ref.Ref)
		if err != nil {
			return err
		}
		if value != ref.New {
			ref.Move = Aborted
		}
	}
	_, err := t.settle(ctx, t.releases, other, !alive)
	return err
}

// ended settles this push after its transaction.
func (t *transaction) ended(ctx context.Context, move Move) error {
	if t.own == nil || t.own.settled() {
		return nil
	}
	t.mark(move)
	_, err := t.settle(ctx, t.releases, t.own, false)
	return err
}

// mark notes how far the transaction's deploy branches have come.
func (t *transaction) mark(move Move) {
	for i := range t.own.Refs {
		ref := &t.own.Refs[i]
		if len(ofRefs(t.deploys, []string{ref.Ref})) > 0 {
			ref.Move = move
		}
	}
}

// Received is the post-receive hook: the refs of updates have moved. It brings the push to its end,
// if the transaction's hook has not, and says so.
func (h *Hook) Received(ctx context.Context, receiver Process, updates []Update) error {
	list, err := h.Repo.Pushes()
	if err != nil {
		return err
	}
	for _, rec := range list {
		if rec.Receiver == receiver {
			return h.receivedOne(ctx, rec.ID, updates)
		}
	}
	return nil
}

func (h *Hook) receivedOne(ctx context.Context, id string, updates []Update) error {
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
		if len(ofRefs(updates, []string{rec.Refs[i].Ref})) > 0 {
			rec.Refs[i].Move = Prepared // git says that the ref was moved
		}
	}
	releases, done, err := h.Releases(ctx)
	if err == nil {
		defer done()
		_, err = h.settle(ctx, releases, rec, true)
	}
	if f := fault.Of(err); f != nil && !errors.Is(err, context.Canceled) {
		f.Hints = append(
			f.Hints,
			fmt.Sprintf(
				"v%d of %s becomes current as soon as that works; `slugc hook status %s` says when",
				rec.Version,
				rec.App,
				h.Repo.Dir,
			),
		)
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

// touchesAny says whether the push is to move one of these refs.
func (r *Record) touchesAny(updates []Update) bool {
	for _, u := range updates {
		if r.touches(u.Ref) {
			return true
		}
	}
	return false
}
