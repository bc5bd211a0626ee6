package follow

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/release"
)

// generation is a release with its processes: the live one, the next one, or a retired one.
type generation struct {
	release  release.Release
	unpacked *launch.Unpacked // nil until it is unpacked
	config   []string         // the release's config vars, K=V
	cancel   context.CancelFunc
	members  map[member]*instance // without the retired instances
	left     int                  // instances that have not ended, the retired ones included
	retired  bool
}

// view returns what plan needs to know. It returns nil for no generation.
func (g *generation) view() *running {
	if g == nil {
		return nil
	}
	members := slices.SortedFunc(maps.Keys(g.members), func(a, b member) int {
		return cmp.Or(cmp.Compare(g.index(a.typ), g.index(b.typ)), cmp.Compare(a.number, b.number))
	})
	return &running{
		id: identify(g.release), types: g.release.ProcessTypes, unpacked: g.unpacked != nil, members: members,
	}
}

// index returns a type's place in the Procfile.
func (g *generation) index(typ string) int {
	for i, p := range g.release.ProcessTypes {
		if p.Type == typ {
			return i
		}
	}
	return -1
}

// ready reports whether all instances are ready.
func (g *generation) ready() bool {
	for _, i := range g.members {
		if !i.ready {
			return false
		}
	}
	return g.unpacked != nil
}

// startNext fetches and unpacks a release beside the live one.
func (f *follower) startNext(rel release.Release) {
	ctx, cancel := context.WithCancel(f.ctx)
	g := &generation{release: rel, cancel: cancel, members: map[member]*instance{}}
	f.next = g
	f.print("starting v%d", rel.Version)
	f.preparing++
	var types []string
	for typ, quantity := range f.wanted.Formation {
		if quantity > 0 {
			types = append(types, typ)
		}
	}
	f.background.Go(func() {
		config, err := f.config(ctx, rel)
		var unpacked *launch.Unpacked
		if err == nil {
			unpacked, err = f.unpack(ctx, rel)
		}
		warning := ""
		if err == nil && f.o.Check != nil {
			warning, err = f.o.Check(unpacked.ABI, types, slices.Concat(config, f.o.Env))
		}
		f.mustPost(func() {
			g.config = config
			if warning != "" {
				f.print("%s", warning)
			}
			f.handleUnpacked(g, unpacked, err)
		})
	})
}

func (f *follower) config(ctx context.Context, rel release.Release) ([]string, error) {
	if f.o.Config == nil {
		return nil, nil
	}
	return f.o.Config(ctx, f.o.App, rel)
}

func (f *follower) unpack(ctx context.Context, rel release.Release) (*launch.Unpacked, error) {
	path, err := f.o.Fetch(ctx, f.o.App, rel)
	if err != nil {
		return nil, err
	}
	unpacked, err := launch.Unpack(ctx, path, launch.UnpackOptions{
		Runs: f.o.Runs, Trees: f.o.Trees, Self: f.o.Self, Digest: rel.Slug.Digest, Known: f.o.Known,
	})
	if err != nil {
		return nil, err
	}
	return unpacked, unpacked.Label(f.o.App)
}

// handleUnpacked starts the processes of an unpacked release.
func (f *follower) handleUnpacked(g *generation, unpacked *launch.Unpacked, err error) {
	f.preparing--
	g.unpacked = unpacked
	switch {
	case g.retired, f.ctx.Err() != nil:
		f.retire(g)
	case err != nil:
		f.abandon(g, err, fault.Of(err).Code != fault.ExitLaunch)
	default:
		f.reconcile()
	}
}

// abandon gives up a release that does not start. It is started again after a pause if retry is set or if
// nothing else runs; otherwise only when something changes.
func (f *follower) abandon(g *generation, cause error, retry bool) {
	f.next = nil
	f.printError("v"+version(g)+" can't be started: %v", cause)
	f.retire(g)
	failed := *f.wanted
	f.failed = &failed
	f.updateTargets()
	if f.live != nil {
		f.print("v%d goes on", f.live.release.Version)
		if !retry {
			return
		}
	}
	pause := f.backoff.Next(0)
	f.print("trying v%d again in %s", g.release.Version, pause)
	time.AfterFunc(pause, func() {
		f.post(func() {
			if f.failed == &failed {
				f.failed = nil
				f.reconcile()
			}
		})
	})
}

// promote makes the next release the live one if all of it is ready, and updates the proxy's targets.
func (f *follower) promote() {
	if g := f.next; g != nil && g.ready() {
		old := f.live
		f.live, f.next, f.failed = g, nil, nil
		f.backoff = launch.Backoff{First: f.o.Backoff}
		f.print("v%d is live", g.release.Version)
		f.updateTargets()
		if old != nil {
			f.retire(old)
		}
		return
	}
	f.updateTargets()
}

// updateTargets makes the ready web processes of the live release the proxy's targets.
func (f *follower) updateTargets() {
	if f.stopping {
		return
	}
	var targets []string
	starting := f.next != nil
	if f.live != nil {
		for m, i := range f.live.members {
			switch {
			case m.typ != web:
			case i.ready:
				targets = append(targets, i.address)
			default:
				starting = true
			}
		}
	}
	slices.Sort(targets)
	f.proxy.setTargets(targets, starting)
}

// retire stops a release's processes, and removes its directory when they have ended.
func (f *follower) retire(g *generation) {
	g.retired = true
	g.cancel()
	for _, i := range g.members {
		f.retireInstance(i)
	}
	f.removeEnded(g)
}

// removeEnded removes the directory of a retired release none of whose processes run.
func (f *follower) removeEnded(g *generation) {
	if u := g.unpacked; g.retired && g.left == 0 && u != nil {
		g.unpacked = nil
		f.background.Go(u.Remove)
	}
}
