// Package follow runs the current release of an app on this machine and follows every change: a new
// release, a rollback, other config vars, another formation.
//
//	updates := releases.Follow(ctx, "blog")
//	err := follow.Run(ctx, follow.Options{
//		App: "blog", Updates: updates, Fetch: fetch, Runs: "/var/slugc/run", Port: 5000,
//		Console: launch.NewConsole(os.Stdout, true, false),
//	})
//
// [Run] fetches, unpacks and starts a new release beside the one that runs. When every web process answers
// on its port, and every other has run for a moment, new connections go to the new release, and Run stops
// the old one: each process after its connections have ended or the grace is over, by SIGTERM and, after
// the grace, SIGKILL. So a switch loses no connection. For that time both releases run, also the process
// types that are not web.
//
// If a process of the new release ends, or its port does not answer within the boot timeout, Run stops the
// new release, and the one that runs goes on. Run tries the release again only when something changes: a
// newer release, another formation. It tries again by itself, after growing pauses, when no release runs
// or when fetching failed. It also starts again a process of the live release that ends.
//
// Run itself listens on the public port, and forwards TCP connections to the web processes in turn, which
// listen on private ports. While a web process is starting, a connection waits for it, up to 10 seconds.
// Without one, Run closes the connection. The app sees connections from this machine, not from the client.
//
// # Files
//
//	follow.go      Run: one goroutine owns all state, the others send it events
//	plan.go        what to do, from what runs and what is wanted: a pure function
//	generation.go  all processes of a release: fetching, starting, switching, stopping
//	instance.go    one process: starting, becoming ready, ending, restarting
//	proxy.go, session.go, drain.go  the public port
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

	"slugc/cache/digest"
	"slugc/compiler/abi"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/release"
)

// Options are the arguments of [Run].
type Options struct {
	App     string
	Self    string                // as in launch.RunOptions
	Updates <-chan release.Update // from [release.Releases.Follow]
	// Fetch returns the path of the release's slug on this machine. Run checks its digest. Fetch must return
	// when ctx ends.
	Fetch func(ctx context.Context, app string, rel release.Release) (path string, err error)
	// Config returns the release's own config vars, K=V; it may be nil. It must return when ctx ends.
	Config func(ctx context.Context, app string, rel release.Release) ([]string, error)
	Runs   string        // directory to run in
	Trees  string        // where sections are kept unpacked, "" for nowhere; as in [launch.UnpackOptions]
	Known  *digest.Known // as in [launch.UnpackOptions]
	// Check, if not nil, is asked before a release starts: an error abandons it, a warning is printed. It gets what the
	// slug needs of a machine, the types that are to run, and the variables of processes, K=V.
	Check   func(r *abi.Record, types, env []string) (warning string, err error)
	Listen  string   // host of the public port; "" is all interfaces
	Port    int      // the public port; 0 is one that the kernel chooses
	Env     []string // more config vars, K=V, before the release's own
	Console *launch.Console
	// Record receives every line with the version of its release, 0 for Run's own; it may be nil.
	Record func(version int, name string, own bool, line []byte)

	Grace       time.Duration    // for connections to end, and again from SIGTERM to SIGKILL; 0 is 30 s
	BootTimeout time.Duration    // for a port to answer; 0 is 60 s
	Backoff     time.Duration    // the first pause before a restart, see [launch.Backoff]; 0 is 1 s
	MinUptime   time.Duration    // how long a process that is not web must run to count as started; 0 is 1 s
	Signals     <-chan os.Signal // SIGINT, SIGTERM and SIGHUP stop, others go to all processes; may be nil
	Kill        <-chan struct{}  // when closed, everything is killed at once; may be nil
}

func (o *Options) setDefaults() {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&o.Grace, 30 * time.Second}, {&o.BootTimeout, time.Minute}, {&o.Backoff, time.Second},
		{&o.MinUptime, time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
}

// follower is one call of Run. Only the goroutine of loop uses it; the proxy and the console alone are
// shared.
type follower struct {
	o          Options
	proxy      *proxy
	events     chan func()
	background sync.WaitGroup // goroutines that must end before Run returns

	wanted       *release.Snapshot // the last one received
	live, next   *generation
	failed       *release.Snapshot
	backoff      launch.Backoff
	disconnected bool // from the coordinator
	saidWaiting  bool // the line that there is no release yet was written
	instances    map[*instance]bool
	preparing    int // releases that are being fetched and unpacked
	stopping     bool
	ctx          context.Context // ends when stopping begins
	stop         context.CancelFunc
}

// Run follows the app until ctx ends or a signal stops it, and returns when nothing of it runs. The error
// is a fault "follow/port", or about the console's writer.
func Run(ctx context.Context, o Options) error {
	o.setDefaults()
	p, err := listen(net.JoinHostPort(o.Listen, strconv.Itoa(o.Port)))
	if err != nil {
		return err
	}
	f := &follower{
		o: o, proxy: p, events: make(chan func()), instances: map[*instance]bool{},
		backoff: launch.Backoff{First: o.Backoff},
	}
	f.ctx, f.stop = context.WithCancel(ctx)
	defer f.stop()
	f.print("following %s; web is on %s", o.App, p.listener.Addr())
	f.loop()
	f.background.Wait()
	return o.Console.Err()
}

// loop handles one event after the other, until it is stopping and nothing runs.
func (f *follower) loop() {
	ended := f.ctx.Done()
	for !f.stopping || len(f.instances) > 0 || f.preparing > 0 {
		select {
		case handle := <-f.events:
			handle()
		case u, ok := <-f.o.Updates:
			if !ok {
				f.o.Updates = nil
			} else if !f.stopping {
				f.handleUpdate(u)
			}
		case <-ended:
			ended = nil
			f.beginStop()
		case s, ok := <-f.o.Signals:
			if !ok {
				f.o.Signals = nil
			}
			f.handleSignal(s)
		case <-f.o.Kill:
			f.o.Kill = nil
			f.stop()
			f.signalAll(syscall.SIGKILL)
		}
	}
	f.stop()
}

// post has the loop call handle. Once stopping has begun, it does nothing.
func (f *follower) post(handle func()) {
	select {
	case f.events <- handle:
	case <-f.ctx.Done():
	}
}

// mustPost has the loop call handle, also while stopping. The loop must be waiting for it.
func (f *follower) mustPost(handle func()) { f.events <- handle }

// print writes a line of the follower's own.
func (f *follower) print(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	f.o.Console.System(text)
	if f.o.Record != nil {
		f.o.Record(0, launch.System, true, []byte(text))
	}
}

// printError writes an error with its hints. The format has one verb, for the error.
func (f *follower) printError(format string, err error) {
	f.print(format, err)
	for _, hint := range fault.Of(err).Hints {
		f.print("hint: %s", hint)
	}
}

// handleUpdate handles what the coordinator sends.
func (f *follower) handleUpdate(u release.Update) {
	if u.Err != nil {
		f.disconnected = true
		f.printError("the coordinator can't be followed just now, and what runs goes on: %v", u.Err)
		return
	}
	if f.disconnected {
		f.disconnected = false
		f.print("the coordinator can be followed again")
	}
	f.wanted = &u.Snapshot
	if none := u.Current.Version == 0; none && !f.saidWaiting {
		f.saidWaiting = true
		if f.live == nil {
			f.print("%s has no release yet: waiting for the first", f.o.App)
		} else {
			f.print("%s no longer has a release, and what runs goes on", f.o.App)
		}
	} else if !none {
		f.saidWaiting = false
	}
	f.reconcile()
}

// reconcile carries out what plan returns.
func (f *follower) reconcile() {
	if f.stopping || f.wanted == nil {
		return
	}
	for _, a := range plan(view{f.live.view(), f.next.view(), f.failed}, *f.wanted) {
		g := f.live
		if a.next {
			g = f.next
		}
		switch a.verb {
		case verbStart:
			f.startNext(f.wanted.Current)
		case verbDrop:
			f.print("leaving v%d: there is a newer release", g.release.Version)
			f.next = nil
			f.retire(g)
		case verbAdd:
			if g != nil { // nil if a member before this one did not start, and the release was abandoned
				f.add(g, a.member)
			}
		case verbRemove:
			g.members[a.member].print("stopping: scaled down")
			f.retireInstance(g.members[a.member])
		}
	}
	f.promote()
}

// handleSignal stops, or sends the signal to all processes.
func (f *follower) handleSignal(s os.Signal) {
	switch sig, known := s.(syscall.Signal); {
	case !known:
	case sig == syscall.SIGINT || sig == syscall.SIGTERM || sig == syscall.SIGHUP:
		f.stop()
	default:
		f.signalAll(sig)
	}
}

// beginStop stops all. It does not wait for connections to end: nothing takes the place of what they use.
func (f *follower) beginStop() {
	f.stopping = true
	f.print("stopping")
	f.proxy.close()
	for _, g := range []*generation{f.next, f.live} {
		if g != nil {
			f.retire(g)
		}
	}
}

func (f *follower) signalAll(sig syscall.Signal) {
	for i := range f.instances {
		if i.process != nil {
			i.process.Signal(sig)
		}
	}
}
