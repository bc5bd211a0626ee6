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

// Hook is what the hooks of one repository work with.
type Hook struct {
	Repo     *Repository
	Settings Settings
	// Releases connects to the coordinator. It is called when a hook first needs it.
	Releases func(context.Context) (releases *release.Releases, done func(), err error)
	Report   report.Reporter
}

// Push is what git tells pre-receive about a push.
type Push struct {
	Updates     []Update
	Options     []string
	Quarantine  []string // K=V: the variables that lead git to the pushed objects
	ReceivePack Process
}

// quarantine is the directory of the pushed objects, "" if the push only deletes refs.
func (p Push) quarantine() string {
	for _, kv := range p.Quarantine {
		if dir, ok := strings.CutPrefix(kv, "GIT_QUARANTINE_PATH="); ok {
			return dir
		}
	}
	return ""
}

// Builder builds for pre-receive.
type Builder struct {
	Compile func(context.Context, compiler.Request) (*compiler.Result, error)
	Request compiler.Request // what all builds of the repository have in common
	// StartSettler starts a process that calls [Hook.SettleWhenOver] and outlives the push.
	StartSettler func(id string) error
}

// PreReceive is the pre-receive hook: it builds what was pushed to a deploy branch, and registers
// it as a pending release. On an error the caller must reject the push. After an error of the build
// there is no release.
func (h *Hook) PreReceive(ctx context.Context, p Push, b Builder) error {
	options, err := ParseOptions(p.Options)
	if err != nil {
		return err
	}
	deploys, err := h.deployUpdates(p.Updates)
	if err != nil || len(deploys) == 0 {
		return err
	}
	outcomes, err := h.Settle(ctx)
	for _, o := range outcomes {
		h.ReportOutcome(&o)
	}
	if err == nil {
		err = h.Repo.removeStaleQuarantines(p)
	}
	if err != nil {
		return err
	}
	if err := h.checkAcceptable(ctx, deploys, p.Quarantine); err != nil {
		return err
	}
	rec, err := h.newRecord(ctx, p, deploys)
	if err != nil {
		return err
	}
	if err := b.StartSettler(rec.ID); err != nil {
		return errors.Join(err, h.Repo.remove(rec))
	}
	result, err := b.Compile(ctx, h.request(b.Request, p, rec, options))
	if err == nil && !options.Dry {
		err = h.markAccepted(ctx, rec, result)
	}
	if err == nil && !options.Dry {
		return nil
	}
	if err == nil {
		err = h.endDryRun(ctx, rec, result)
	}
	if gone := context.Cause(ctx); gone != nil {
		err = gone
	}
	return errors.Join(err, h.reject(ctx, rec))
}

// newRecord records the push.
func (h *Hook) newRecord(ctx context.Context, p Push, deploys []Update) (*Record, error) {
	self, _, err := inspectProcess(os.Getpid())
	if err != nil {
		return nil, err
	}
	now := time.Now()
	rec := &Record{
		ID:          newID(now),
		App:         h.Settings.App,
		State:       Building,
		ReceivePack: p.ReceivePack,
		Hook:        self,
		Began:       now.UTC(),
	}
	rec.Key = cache.Key("push", h.Repo.Dir, rec.ID)
	for _, u := range deploys {
		rec.Refs = append(rec.Refs, Ref{Update: u})
	}
	rec.Quarantine = p.quarantine()
	if rec.Transactions, err = h.Repo.hasTransactionHook(ctx); err != nil {
		return nil, err
	}
	if err := h.Repo.makeDirs(h.Repo.path(), h.Repo.path("pushes")); err != nil {
		return nil, err
	}
	if err := h.Repo.writeDeployRefs(h.Settings); err != nil {
		return nil, err
	}
	return rec, h.Repo.save(rec)
}

// request is the build of a push.
func (h *Hook) request(req compiler.Request, p Push, rec *Record, o Options) compiler.Request {
	req.App, req.Fresh, req.Register, req.Push = h.Settings.App, o.Fresh, !o.Dry, rec.ID
	req.Source = source.Spec{
		Kind:       source.Git,
		Dir:        h.Repo.Dir,
		Ref:        rec.commit(),
		Subdir:     h.Settings.Subdir,
		Env:        slices.Concat(h.Repo.env, req.Source.Env, p.Quarantine),
		Submodules: source.Submodules{Allow: h.Settings.Submodules},
	}
	req.Deploy.Pending, req.Deploy.Key = true, rec.Key
	req.Deploy.BeforeRegister = func() error {
		rec.State = Registering
		return h.Repo.save(rec)
	}
	req.BeforeBuild = func(ctx context.Context) error { return h.checkUnmoved(ctx, rec) }
	return req
}

// maxWaitForAccepted bounds the wait for pushes that have built and that git decides about.
const maxWaitForAccepted = 15 * time.Second

// checkUnmoved refuses a push whose branch has moved while the push waited for its turn, with
// "push/moved". git would refuse it too, but only after the build.
func (h *Hook) checkUnmoved(ctx context.Context, rec *Record) error {
	if err := h.awaitAccepted(ctx, rec); err != nil {
		return err
	}
	for _, ref := range rec.Refs {
		value, err := h.Repo.refValue(ctx, ref.Ref)
		if err != nil {
			return err
		}
		if value != ref.Old && !(value == "" && isZero(ref.Old)) {
			return fault.AppError("push/moved",
				fmt.Errorf("pushing %q: it moved while this push waited", refName(ref.Ref)), "pull and push again")
		}
	}
	return nil
}

// awaitAccepted waits, for a limited time, for other pushes of the same refs that are accepted:
// git is about to move their refs.
func (h *Hook) awaitAccepted(ctx context.Context, rec *Record) error {
	for until := time.Now().Add(maxWaitForAccepted); time.Now().Before(until); {
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
			return nil
		}
		select {
		case <-time.After(pollInterval / 4):
		case <-ctx.Done():
			return context.Cause(ctx)
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

// markAccepted records that the release waits for git, and the report for the pusher.
func (h *Hook) markAccepted(ctx context.Context, rec *Record, result *compiler.Result) error {
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

// endDryRun reports what the push would have released, and returns the error that rejects it.
func (h *Hook) endDryRun(ctx context.Context, rec *Record, result *compiler.Result) error {
	before, err := h.current(ctx)
	if err != nil {
		return err
	}
	for _, line := range h.report(rec, result, before)[1:] {
		h.Report.Detail(line)
	}
	return fault.UsageError("push/dry-run",
		fmt.Errorf("pushing %q: it was built, and a dry run ends here", refName(rec.Refs[0].Ref)),
		"push without `-o dry-run` to release it")
}

// reject settles a push that its own hook rejects. What cannot be settled now is left to the
// settler.
func (h *Hook) reject(ctx context.Context, rec *Record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockTimeout)
	defer cancel()
	if rec.State == Accepted {
		rec.State = Registering // git will not move a ref
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

// RejectionMessage says in one line which release is current after a push was rejected.
func (h *Hook) RejectionMessage(ctx context.Context) string {
	const nothing = "nothing was released"
	now, err := h.current(ctx)
	switch {
	case err != nil:
		return nothing
	case now == nil:
		return fmt.Sprintf("%s; %s has no release yet", nothing, h.Settings.App)
	case now.Commit == "":
		return fmt.Sprintf("%s; %s v%d stays current", nothing, h.Settings.App, now.Version)
	}
	return fmt.Sprintf("%s; %s v%d (%s) stays current", nothing, h.Settings.App, now.Version, shortID(now.Commit))
}

// hasTransactionHook reports whether git calls the reference-transaction hook (git 2.28 and later)
// and the hook is slugc's.
func (r *Repository) hasTransactionHook(ctx context.Context) (bool, error) {
	dir, err := r.hooks(ctx)
	if err != nil {
		return false, err
	}
	if ours, err := isOurs(filepath.Join(dir, transactionHook)); err != nil || !ours {
		return false, err
	}
	return r.isGitAtLeast(ctx, 2, 28)
}
