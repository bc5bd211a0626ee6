package push

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slugc/cache"
	"slugc/compiler"
	"slugc/compiler/fault"
	"slugc/compiler/release"
	"slugc/compiler/report"
	"slugc/compiler/source"
)

// Hook is what the hooks of one repository work with. Its functions are called only when they are
// needed.
type Hook struct {
	Repo     *Repository
	Settings Settings
	Releases func(context.Context) (releases *release.Releases, done func(), err error)
	Report   report.Reporter
}

// Push is what pre-receive is told of a push.
type Push struct {
	Updates    []Update
	Options    []string
	Quarantine []string // K=V: the variables that lead git to the pushed objects
	Receiver   Process
}

// quarantine is the directory of the pushed objects, "" where there are none: a push of deletions.
func (p Push) quarantine() string {
	for _, kv := range p.Quarantine {
		if dir, ok := strings.CutPrefix(kv, "GIT_QUARANTINE_PATH="); ok {
			return dir
		}
	}
	return ""
}

// Builder does for pre-receive what only a command can.
type Builder struct {
	Compile func(context.Context, compiler.Request) (*compiler.Result, error)
	Request compiler.Request      // what every build of the repository has in common
	Spawn   func(id string) error // starts a process that calls [Hook.Await] and outlives the push
}

// Receive is the pre-receive hook: it builds what was pushed to a deploy branch, and registers it
// as a pending release. With an error the push is to be declined. After an error of the build there
// is no release.
func (h *Hook) Receive(ctx context.Context, p Push, b Builder) error {
	options, err := ParseOptions(p.Options)
	if err != nil {
		return err
	}
	deploys, err := h.deploys(p.Updates)
	if err != nil || len(deploys) == 0 {
		return err
	}
	settled, err := h.Settle(ctx)
	for _, one := range settled {
		h.Tell(&one)
	}
	if err == nil {
		err = h.Repo.sweep(p)
	}
	if err != nil {
		return err
	}
	if err := h.acceptable(ctx, deploys, p.Quarantine); err != nil {
		return err
	}
	rec, err := h.begin(ctx, p, deploys)
	if err != nil {
		return err
	}
	if err := b.Spawn(rec.ID); err != nil {
		return errors.Join(err, h.Repo.remove(rec))
	}
	result, err := b.Compile(ctx, h.request(b.Request, p, rec, options))
	if err == nil && !options.Dry {
		err = h.accept(ctx, rec, result)
	}
	if err == nil && !options.Dry {
		return nil
	}
	if err == nil {
		err = h.dry(ctx, rec, result)
	}
	if gone := context.Cause(ctx); gone != nil {
		err = gone
	}
	return errors.Join(err, h.giveUp(ctx, rec))
}

// begin records the push.
func (h *Hook) begin(ctx context.Context, p Push, deploys []Update) (*Record, error) {
	self, _, err := lookUp(os.Getpid())
	if err != nil {
		return nil, err
	}
	now := time.Now()
	rec := &Record{
		ID:       newID(now),
		App:      h.Settings.App,
		State:    Building,
		Receiver: p.Receiver,
		Hook:     self,
		Began:    now.UTC(),
	}
	rec.Key = cache.Key("push", h.Repo.Dir, rec.ID)
	for _, u := range deploys {
		rec.Refs = append(rec.Refs, Ref{Update: u})
	}
	rec.Quarantine = p.quarantine()
	if rec.ByMoves, err = h.Repo.tellsMoves(ctx); err != nil {
		return nil, err
	}
	if err := h.Repo.makeDirs(h.Repo.path(), h.Repo.path("pushes")); err != nil {
		return nil, err
	}
	if err := h.Repo.writeRefs(h.Settings); err != nil {
		return nil, err
	}
	return rec, h.Repo.save(rec)
}

// request is the build of a push.
func (h *Hook) request(req compiler.Request, p Push, rec *Record, o Options) compiler.Request {
	req.App, req.Fresh, req.Register = h.Settings.App, o.Fresh, !o.Dry
	req.Source = source.Spec{
		Kind:       source.Git,
		Dir:        h.Repo.Dir,
		Ref:        rec.commit(),
		Env:        slices.Concat(h.Repo.env, req.Source.Env, p.Quarantine),
		Submodules: source.Submodules{Allow: h.Settings.Submodules},
	}
	req.Deploy.Pending, req.Deploy.Key = true, rec.Key
	req.Deploy.BeforeRegister = func() error {
		rec.State = Registering
		return h.Repo.save(rec)
	}
	req.BeforeBuild = func(ctx context.Context) error { return h.still(ctx, rec) }
	return req
}

// inFront bounds the wait for pushes that have built and that git decides about.
const inFront = 15 * time.Second

// still refuses, before anything is built, a push whose branch has moved while it waited for its
// turn: with "push/moved". git would refuse it after the build.
func (h *Hook) still(ctx context.Context, rec *Record) error {
	until := time.Now().Add(inFront)
	for time.Now().Before(until) {
		list, err := h.Repo.Pushes()
		if err != nil {
			return err
		}
		waits := false
		for _, other := range list {
			if other.ID == rec.ID || other.State != Accepted || !other.touchesAny(updatesOf(rec)) {
				continue
			}
			if waits = true; !other.alive() {
				if _, err := h.settleOne(ctx, other.ID); err != nil {
					return err
				}
			}
		}
		if !waits {
			break
		}
		select {
		case <-time.After(beat / 4):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for _, ref := range rec.Refs {
		value, err := h.Repo.value(ctx, ref.Ref)
		if err != nil {
			return err
		}
		if value != ref.Old && !(value == "" && none(ref.Old)) {
			return fault.AppError(
				"push/moved",
				fmt.Errorf("pushing %q: it moved while this push waited", name(ref.Ref)),
				"pull and push again",
			)
		}
	}
	return nil
}

func updatesOf(rec *Record) (list []Update) {
	for _, ref := range rec.Refs {
		list = append(list, ref.Update)
	}
	return list
}

// accept notes that the release waits for git, and what the pusher is to be told when it is
// current.
func (h *Hook) accept(ctx context.Context, rec *Record, result *compiler.Result) error {
	before, err := h.current(ctx)
	if err != nil {
		return err
	}
	rec.State, rec.Version = Accepted, result.Release.Version
	rec.Report = h.report(rec, result, before)
	if err := h.Repo.save(rec); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// current is the app's current release, nil if it has none.
func (h *Hook) current(ctx context.Context) (*release.Release, error) {
	releases, done, err := h.Releases(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	now, err := releases.Current(ctx, h.Settings.App)
	if errors.Is(err, release.ErrNoReleases) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &now, nil
}

// dry says what the push would have released, and is the error that declines it.
func (h *Hook) dry(ctx context.Context, rec *Record, result *compiler.Result) error {
	before, err := h.current(ctx)
	if err != nil {
		return err
	}
	for _, line := range h.report(rec, result, before)[1:] {
		h.Report.Detail(line)
	}
	return fault.UsageError(
		"push/dry-run",
		fmt.Errorf("pushing %q: it was built, and a dry run ends here", name(rec.Refs[0].Ref)),
		"push without `-o dry-run` to release it",
	)
}

// giveUp ends a push that its own hook declines. What cannot be ended now is left to the settler.
func (h *Hook) giveUp(ctx context.Context, rec *Record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockWait)
	defer cancel()
	if rec.State == Accepted {
		rec.State = Registering // git will be told no
	}
	unlock, err := h.Repo.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	var releases *release.Releases
	if rec.State != Building {
		var done func()
		if releases, done, err = h.Releases(ctx); err != nil {
			return err
		}
		defer done()
	}
	_, err = h.settle(ctx, releases, rec, true)
	return err
}

// Stays says in one line what is current after a push was declined.
func (h *Hook) Stays(ctx context.Context) string {
	now, err := h.current(ctx)
	switch {
	case err != nil:
		return "nothing was released"
	case now == nil:
		return "nothing was released; " + h.Settings.App + " has no release yet"
	case now.Commit == "":
		return fmt.Sprintf("nothing was released; %s v%d stays current", h.Settings.App, now.Version)
	}
	return fmt.Sprintf(
		"nothing was released; %s v%d (%s) stays current",
		h.Settings.App,
		now.Version,
		short(now.Commit),
	)
}

// tellsMoves says whether git calls the reference-transaction hook: since 2.28, and if it is there.
func (r *Repository) tellsMoves(ctx context.Context) (bool, error) {
	dir, err := r.hooks(ctx)
	if err != nil {
		return false, err
	}
	if ours, err := isOurs(filepath.Join(dir, transactionHook)); err != nil || !ours {
		return false, err
	}
	return r.atLeast(ctx, 2, 28)
}
