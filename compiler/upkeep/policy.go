// Package upkeep keeps the state directory within its bounds: a budget of bytes, a budget of age, and room on
// its disk for the next build. What goes first is what has not served for longest. What a running build uses
// (its locks and leases say so), what a current or pending release needs, and what a rollback may need stays.
//
//	keeper := &upkeep.Keeper{Home: home, Limits: limits, Releases: releases, Report: reporter}
//	keeper.Before(ctx, "blog")   // a build begins: room on a nearly full disk
//	keeper.After(ctx, "blog")    // a build has ended: the budgets
//	entries, err := keeper.List(ctx)
//
// Nothing is measured by a walk on the way: sizes are noted when something is made or kept (package cache and
// the manifests of package toolchain). Logs, config vars and the coordinator are not its business.
package upkeep

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Limits bound what is kept.
type Limits struct {
	Size int64         // bytes of all; 0: no limit
	Age  time.Duration // since the last use; 0: no limit
}

// Entry is something that is kept, and goes as one.
type Entry struct {
	App   string           `json:"app,omitempty"` // "" for what all apps share
	What  string           `json:"what"`
	For   string           `json:"for,omitempty"` // what needs it
	Size  int64            `json:"size"`          // bytes
	Frees int64            `json:"frees"`         // bytes that its removal frees: what others use too does not count
	Parts map[string]int64 `json:"parts,omitempty"`
	Used  time.Time        `json:"last_used"`      // at most an hour too early
	Kept  string           `json:"kept,omitempty"` // why it may not be removed; "" if it may

	// remove removes it, unless it is in use after all, and returns the bytes freed.
	remove func(context.Context) (int64, error)
}

// inventory is what is kept.
type inventory struct {
	entries []Entry
	total   int64 // bytes, each once
}

// sort puts what has not served for longest first, by a time of each.
func (inv *inventory) sort(served func(Entry) time.Time) {
	slices.SortStableFunc(inv.entries, func(a, b Entry) int {
		return cmp.Or(served(a).Compare(served(b)), strings.Compare(a.App+" "+a.What, b.App+" "+b.What))
	})
}

// used is when an entry served, as it is noted.
func used(e Entry) time.Time { return e.Used }

// latest is when an entry may have served last. What all apps share is noted once an hour: in doubt, what is kept
// for one app goes before it.
func latest(e Entry) time.Time {
	if e.App == "" {
		return e.Used.Add(time.Hour)
	}
	return e.Used
}

// pass removes the entries that may go and that must says have to, in order. It returns the bytes freed, also
// with an error.
func (inv *inventory) pass(ctx context.Context, must func(Entry) bool) (freed int64, err error) {
	for i, e := range inv.entries {
		if e.Kept != "" || e.remove == nil || !must(e) {
			continue
		}
		n, err := e.remove(ctx)
		freed, inv.total = freed+n, inv.total-n
		if err != nil {
			return freed, err
		}
		inv.entries[i].remove = nil
	}
	return freed, nil
}

// within removes what exceeds the limits.
func (inv *inventory) within(ctx context.Context, l Limits, now time.Time) (freed int64, err error) {
	return inv.pass(ctx, func(e Entry) bool {
		return l.Age > 0 && now.Sub(e.Used) > l.Age || l.Size > 0 && inv.total > l.Size
	})
}
