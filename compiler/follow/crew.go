package follow

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"slugc/compiler/launch"
	"slugc/compiler/release"
)

// crew is a release with its processes.
type crew struct {
	release  release.Release
	unpacked *launch.Unpacked // nil until it is there
	cancel   context.CancelFunc
	members  map[member]*instance // without those that are leaving
	left     int                  // instances that have not ended, the leaving ones included
	retired  bool
}

// view is what a plan needs to know; of no crew it is nil.
func (c *crew) view() *running {
	if c == nil {
		return nil
	}
	members := slices.SortedFunc(maps.Keys(c.members), func(a, b member) int {
		return cmp.Or(cmp.Compare(c.place(a.typ), c.place(b.typ)), cmp.Compare(a.number, b.number))
	})
	return &running{id: identify(c.release), types: c.release.ProcessTypes, ready: c.unpacked != nil, members: members}
}

// place is a type's in the Procfile.
func (c *crew) place(typ string) int {
	for i, p := range c.release.ProcessTypes {
		if p.Type == typ {
			return i
		}
	}
	return -1
}

// boot begins to start a release beside the live one.
func (f *follower) boot(rel release.Release) {
	ctx, cancel := context.WithCancel(f.ctx)
	c := &crew{release: rel, cancel: cancel, members: map[member]*instance{}}
	f.next = c
	f.say("starting v%d", rel.Version)
	f.preparing++
	f.busy.Go(func() {
		unpacked, err := f.prepare(ctx, rel)
		f.tell(func() { f.prepared(c, unpacked, err) })
	})
}

// prepare has the slug on this machine and unpacks it.
func (f *follower) prepare(ctx context.Context, rel release.Release) (*launch.Unpacked, error) {
	path, err := f.o.Fetch(ctx, f.o.App, rel)
	if err != nil {
		return nil, err
	}
	return launch.Unpack(ctx, f.o.Runs, path, rel.Slug.Digest, nil)
}

// prepared starts the processes of what was unpacked.
func (f *follower) prepared(c *crew, unpacked *launch.Unpacked, err error) {
	f.preparing--
	c.unpacked = unpacked
	switch {
	case c.retired, f.ctx.Err() != nil:
		f.retire(c)
	case err != nil:
		f.fail(c, err, true)
	default:
		f.reconcile()
	}
}

// fail gives up a release that does not start. It is tried again by itself if again says so or
// nothing else runs, and else when something changes.
func (f *follower) fail(c *crew, why error, again bool) {
	f.next = nil
	f.explain("v"+version(c)+" can't be started: %v", why)
	f.retire(c)
	failed := *f.want
	f.failed = &failed
	f.route()
	if f.live != nil {
		f.say("v%d goes on", f.live.release.Version)
		if !again {
			return
		}
	}
	pause := f.retry.Next(0)
	f.say("trying v%d again in %s", c.release.Version, pause)
	time.AfterFunc(pause, func() {
		f.post(func() {
			if f.failed == &failed {
				f.failed = nil
				f.reconcile()
			}
		})
	})
}

// settle switches to the next release if all of it is up, and sets the rotation.
func (f *follower) settle() {
	if c := f.next; c != nil && c.unpacked != nil && c.up() {
		old := f.live
		f.live, f.next, f.failed = c, nil, nil
		f.retry = launch.Backoff{First: f.o.Backoff}
		f.say("v%d is live", c.release.Version)
		f.route()
		if old != nil {
			f.retire(old)
		}
		return
	}
	f.route()
}

func (c *crew) up() bool {
	for _, i := range c.members {
		if !i.up {
			return false
		}
	}
	return true
}

// route sets the rotation: the live release's web processes that answer.
func (f *follower) route() {
	if f.stopping {
		return
	}
	var targets []string
	coming := f.next != nil
	if f.live != nil {
		for m, i := range f.live.members {
			switch {
			case m.typ != web:
			case i.up:
				targets = append(targets, i.address)
			default:
				coming = true
			}
		}
	}
	slices.Sort(targets)
	f.proxy.rotate(targets, coming)
}

// retire stops a release's processes, and removes it when they have ended.
func (f *follower) retire(c *crew) {
	c.retired = true
	c.cancel()
	for _, i := range c.members {
		f.leave(i)
	}
	f.discard(c)
}

// discard removes a retired release of which nothing runs.
func (f *follower) discard(c *crew) {
	if u := c.unpacked; c.retired && c.left == 0 && u != nil {
		c.unpacked = nil
		f.busy.Go(u.Remove)
	}
}
