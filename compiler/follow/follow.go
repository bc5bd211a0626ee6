// Package follow runs the current release of an app on this machine and goes with every change of
// it: a new release, a rollback, a scaling.
//
// A new release is fetched, unpacked and started beside the one that runs. When every web process
// answers on its port and every other has lived for a moment, new connections go to the new
// release, and the old one is stopped: each instance once its connections have ended or the grace
// is over, by SIGTERM, the grace again, and SIGKILL. So a switch loses no connection. Both releases
// run at the same time for that long, also those process types that are not web.
//
// A release that does not start (a process ends, or a port does not answer within the boot timeout)
// is stopped, and the one that runs goes on. It is tried again only when something changes: a newer
// release, another formation. Where nothing runs that could go on, and where fetching failed, it is
// tried again by itself, after growing pauses. A process of the live release that ends is started
// again, after growing pauses too, and is out of rotation until it answers.
//
// The public port is the follower's own. It passes TCP connections on to the web processes in turn,
// which listen on private ports. While an instance is on its way a connection waits for it, for 10
// seconds at most; where none is, it is closed. The app sees connections from this machine, not
// from the client.
//
// # Files
//
//	follow.go    Run: one goroutine owns all state; others tell it what happened
//	plan.go      what is to be done, from what runs and what is wanted: a pure function
//	crew.go      a release's processes together: preparing, failing, switching, stopping
//	instance.go  one process: starting, answering, ending, starting again
//	proxy.go, link.go, drain.go  the public port
package follow

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/release"
)

// Options are one follower.
type Options struct {
	App     string
	Self    string                // as in launch.RunOptions
	Updates <-chan release.Update // of [release.Releases.Follow]
	// Fetch returns the path of the release's slug on this machine; the caller checks its digest.
	// It is to end when ctx ends.
	Fetch   func(ctx context.Context, app string, rel release.Release) (path string, err error)
	Runs    string   // directory to unpack in
	Listen  string   // host of the public port; "" is all interfaces
	Port    int      // the public port; 0 is one that the kernel chooses
	Env     []string // config vars, K=V
	Console *launch.Console
	// every line, with the release it is of, 0 for the follower's own; may be nil
	Record func(version int, name string, own bool, line []byte)
	// to end connections, and again from SIGTERM to SIGKILL; 0 is 30 s
	Grace       time.Duration
	BootTimeout time.Duration // for a port to answer; 0 is 60 s
	// before the first restart, see launch.Backoff; 0 is 1 s
	Backoff time.Duration
	// how long a process that does not listen must live to count as started; 0 is 1 s
	Settle time.Duration
	// SIGINT, SIGTERM and SIGHUP stop, others are passed on to all; may be nil
	Signals <-chan os.Signal
	// when closed, everything is killed at once; may be nil
	Kill <-chan struct{}
}

func (o *Options) defaults() {
	for _, d := range []struct {
		set   *time.Duration
		usual time.Duration
	}{{&o.Grace, 30 * time.Second}, {&o.BootTimeout, time.Minute}, {&o.Backoff, time.Second}, {&o.Settle, time.Second}} {
		if *d.set == 0 {
			*d.set = d.usual
		}
	}
}

// follower is one Run. All but the proxy and the console is its loop's.
type follower struct {
	o      Options
	proxy  *proxy
	events chan func()
	busy   sync.WaitGroup // what must have ended before Run returns

	want       *release.Snapshot // the last that came
	live, next *crew
	failed     *release.Snapshot
	retry      launch.Backoff
	troubled   bool
	waiting    bool // that there is no release yet was said
	instances  map[*instance]bool
	preparing  int
	stopping   bool
	ctx        context.Context // ends when stopping begins
	stop       context.CancelFunc
}

// Run follows until ctx ends or a signal stops it, and returns when nothing of it runs. An error is
// a fault "follow/port", or about the console's writer.
func Run(ctx context.Context, o Options) error {
	o.defaults()
	p, err := listen(net.JoinHostPort(o.Listen, strconv.Itoa(o.Port)))
	if err != nil {
		return err
	}
	f := &follower{
		o:         o,
		proxy:     p,
		events:    make(chan func()),
		instances: map[*instance]bool{},
		retry:     launch.Backoff{First: o.Backoff},
	}
	f.ctx, f.stop = context.WithCancel(ctx)
	defer f.stop()
	f.say("following %s; web is on %s", o.App, p.listener.Addr())
	f.loop()
	f.busy.Wait()
	return o.Console.Err()
}

// loop does one thing at a time until stopping has begun and nothing is left.
func (f *follower) loop() {
	ended := f.ctx.Done()
	for !f.stopping || len(f.instances) > 0 || f.preparing > 0 {
		select {
		case do := <-f.events:
			do()
		case u, ok := <-f.o.Updates:
			if !ok {
				f.o.Updates = nil
			} else if !f.stopping {
				f.news(u)
			}
		case <-ended:
			ended = nil
			f.end()
		case s, ok := <-f.o.Signals:
			if !ok {
				f.o.Signals = nil
			}
			f.signal(s)
		case <-f.o.Kill:
			f.o.Kill = nil
			f.stop()
			f.all(syscall.SIGKILL)
		}
	}
	f.stop()
}

// post has the loop do something, unless stopping has begun: then it hears only of what it waits
// for.
func (f *follower) post(do func()) {
	select {
	case f.events <- do:
	case <-f.ctx.Done():
	}
}

// tell has the loop do something that it waits for before it ends.
func (f *follower) tell(do func()) { f.events <- do }

// say is a line of the follower's own.
func (f *follower) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	f.o.Console.System(text)
	if f.o.Record != nil {
		f.o.Record(0, launch.System, true, []byte(text))
	}
}

// explain says an error with its hints.
func (f *follower) explain(format string, err error) {
	marked := fault.Of(err)
	f.say(format, err)
	for _, hint := range marked.Hints {
		f.say("hint: %s", hint)
	}
}

// news takes what the coordinator says.
func (f *follower) news(u release.Update) {
	if u.Err != nil {
		f.troubled = true
		f.explain("the coordinator can't be followed just now, and what runs goes on: %v", u.Err)
		return
	}
	if f.troubled {
		f.troubled = false
		f.say("the coordinator can be followed again")
	}
	f.want = &u.Snapshot
	if none := u.Current.Version == 0; none && !f.waiting {
		f.waiting = true
		if f.live == nil {
			f.say("%s has no release yet: waiting for the first", f.o.App)
		} else {
			f.say("%s has no release any more, and what runs goes on", f.o.App)
		}
	} else if !none {
		f.waiting = false
	}
	f.reconcile()
}

// reconcile does what is to be done.
func (f *follower) reconcile() {
	if f.stopping || f.want == nil {
		return
	}
	for _, a := range plan(view{f.live.view(), f.next.view(), f.failed}, *f.want) {
		of := f.live
		if a.next {
			of = f.next
		}
		switch a.verb {
		case boot:
			f.boot(f.want.Current)
		case drop:
			f.say("leaving v%d: there is a newer release", of.release.Version)
			f.next = nil
			f.retire(of)
		case add:
			if of != nil { // nil: a member before this one could not be started, and all failed
				f.add(of, a.member)
			}
		case remove:
			of.members[a.member].say("stopping: scaled down")
			f.leave(of.members[a.member])
		}
	}
	f.settle()
}

// signal stops, or passes a signal on.
func (f *follower) signal(s os.Signal) {
	switch sig, known := s.(syscall.Signal); {
	case !known:
	case sig == syscall.SIGINT || sig == syscall.SIGTERM || sig == syscall.SIGHUP:
		f.stop()
	default:
		f.all(sig)
	}
}

// end begins to stop. No connection is waited for: nothing takes its place.
func (f *follower) end() {
	f.stopping = true
	f.say("stopping")
	f.proxy.close()
	for _, c := range []*crew{f.next, f.live} {
		if c != nil {
			f.retire(c)
		}
	}
}

func (f *follower) all(sig syscall.Signal) {
	for i := range f.instances {
		if i.process != nil {
			i.process.Signal(sig)
		}
	}
}
