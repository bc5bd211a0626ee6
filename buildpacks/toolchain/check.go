package toolchain

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"slugc/buildpacks/toolchain/source"
)

// SourceStatus is one place that sources depend on, as [Store.CheckSources] found it.
type SourceStatus struct {
	Name    string   // of the source, or of what it asks besides: "nodejs.org", "checksum database"
	Tools   []string // what it serves
	Address string   // without credentials; "" where none is set
	Off     bool     // switched off, or not set
	Err     error    // why it cannot be used, in one line; nil where it answers
}

const checkTime = 10 * time.Second // for each source

// CheckSources asks every source of every tool whether it is there, all at once, without changing
// the store. Each has ten seconds.
func (st *Store) CheckSources(ctx context.Context) []SourceStatus {
	slow := source.Transient(errors.New("it does not answer within ten seconds"))
	ctx, cancel := context.WithTimeoutCause(ctx, checkTime, slow)
	defer cancel()
	var all []SourceStatus
	var checks []func(context.Context) error
	for _, t := range st.tools {
		for _, s := range t.Sources {
			for _, e := range s.Endpoints(ctx) {
				// Tools share sources: one place is one line, asked once.
				same := func(s SourceStatus) bool { return s.Name == e.Name && s.Address == e.Address }
				if i := slices.IndexFunc(all, same); i < 0 {
					all = append(all, SourceStatus{
						Name: e.Name, Tools: []string{t.Name}, Address: e.Address, Off: e.Check == nil,
					})
					checks = append(checks, e.Check)
				} else if !slices.Contains(all[i].Tools, t.Name) {
					all[i].Tools = append(all[i].Tools, t.Name)
				}
			}
		}
	}
	var wg sync.WaitGroup
	for i, check := range checks {
		if check != nil {
			wg.Go(func() { all[i].Err = check(ctx) })
		}
	}
	wg.Wait()
	return all
}
