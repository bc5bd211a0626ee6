package upkeep

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"slugc/cache"
	"slugc/cache/disk"
	"slugc/compiler/launch"
	"slugc/compiler/release"
	"slugc/compiler/report"
)

// Keeper keeps one state directory in order. Several processes may do so at once.
type Keeper struct {
	Home   *cache.Home
	Limits Limits
	// Releases lists an app's releases, the newest first, of each coordinator that may name slugs of this
	// machine.
	Releases func(ctx context.Context, app string) ([][]release.Release, error)
	Report   report.Reporter
}

// Before makes room where the disk is nearly full, before a build of the app. What it cannot do it says, and the
// build goes on.
func (k *Keeper) Before(ctx context.Context, app string) {
	room := func() bool {
		s, err := statfs(k.Home.Path())
		return err != nil || !s.isShort()
	}
	if room() {
		return
	}
	freed, err := launch.Sweep(k.Home.Path("run"))
	if err == nil && !room() {
		var inv *inventory
		if inv, err = k.inventory(ctx, app); err == nil {
			var n int64
			shared := sameDisk(k.Home.Path("toolchains"), k.Home.Path())
			n, err = inv.pass(ctx, func(e Entry) bool { return (e.App != "" || shared) && !room() })
			freed += n
		}
	}
	if freed > 0 {
		k.Report.Step(fmt.Sprintf("The disk is nearly full: freed %s of what has not served for longest",
			report.Bytes(freed)))
	}
	k.warn(err)
}

// After removes what exceeds the budgets, after a build of the app, whose own cache stays.
func (k *Keeper) After(ctx context.Context, app string) {
	if k.Limits == (Limits{}) || k.surveyed() {
		return
	}
	inv, err := k.inventory(ctx, app)
	if err == nil {
		var freed int64
		if freed, err = inv.within(ctx, k.Limits, time.Now()); freed > 0 {
			k.Report.Step(fmt.Sprintf("Freed %s of what has not served for longest, to stay within the budget",
				report.Bytes(freed)))
		}
		k.note(inv.total)
	}
	k.warn(err)
}

func (k *Keeper) warn(err error) {
	if err != nil {
		k.Report.Warn("what builds keep could not be pruned: " + err.Error())
	}
}

// Prune removes what exceeds the limits, of one app or, with "", of all. It returns the bytes freed, also with an
// error.
func (k *Keeper) Prune(ctx context.Context, app string) (freed int64, err error) {
	inv, err := k.inventory(ctx, "")
	if err != nil {
		return 0, err
	}
	limits := k.Limits
	if app != "" {
		limits.Size = 0
		for i := range inv.entries {
			if inv.entries[i].App != app {
				inv.entries[i].remove = nil
			}
		}
	}
	return inv.within(ctx, limits, time.Now())
}

// List lists what is kept, what has not served for longest first, and returns the bytes of all.
func (k *Keeper) List(ctx context.Context) (list []Entry, total int64, err error) {
	inv, err := k.inventory(ctx, "")
	if err != nil {
		return nil, 0, err
	}
	inv.sort(used)
	k.explain(ctx, inv)
	return inv.entries, inv.total, nil
}

// survey is what the last look at everything found.
type survey struct {
	Total int64 `json:"total"` // bytes kept
	Free  int64 `json:"free"`  // bytes free on the disk then
}

// surveyFile holds it; its time is that of the look.
const surveyFile = "upkeep.json"

// surveyEvery is how often everything is looked at, though the disk has not filled by what the budget had left.
const surveyEvery = time.Hour

// surveyed reports whether a look at everything can wait: the last one was not long ago, and what the disk has
// lost since does not exceed the budget.
func (k *Keeper) surveyed() bool {
	info, err := os.Stat(k.Home.Path(surveyFile))
	if err != nil || time.Since(info.ModTime()).Abs() >= surveyEvery {
		return false
	}
	var last survey
	data, err := disk.ReadRegular(k.Home.Path(surveyFile), 1<<12)
	if err != nil || json.Unmarshal(data, &last) != nil {
		return false
	}
	now, err := statfs(k.Home.Path())
	return err == nil && (k.Limits.Size == 0 || last.Total+last.Free-now.free <= k.Limits.Size)
}

// note writes the survey. It only saves time, so nothing is synced.
func (k *Keeper) note(total int64) {
	now, err := statfs(k.Home.Path())
	if err != nil {
		return
	}
	data, err := json.Marshal(survey{total, now.free})
	if err == nil {
		_ = os.WriteFile(k.Home.Path(surveyFile), data, 0o600)
	}
}
