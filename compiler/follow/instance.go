package follow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"slugc/compiler/launch"
)

// web is the process type that gets connections.
const web = "web"

// asking is how often a port is asked whether it answers.
const asking = 50 * time.Millisecond

// instance is one process of a release, whichever time it runs.
type instance struct {
	member
	crew    *crew
	port    int
	process *launch.Process // nil while it waits to be started again
	last    *launch.Process
	up      bool
	address string // where a web process answers
	leaving bool
	backoff launch.Backoff
}

func version(c *crew) string { return strconv.Itoa(c.release.Version) }

func (m member) name() string { return m.typ + "." + strconv.Itoa(m.number) }

// say is a line about the instance.
func (i *instance) say(text string) {
	if i.last != nil {
		i.last.Print(text)
	}
}

// add starts a new instance.
func (f *follower) add(c *crew, m member) {
	i := &instance{member: m, crew: c, backoff: launch.Backoff{First: f.o.Backoff}}
	c.members[m] = i
	c.left++
	f.instances[i] = true
	f.o.Console.FitName(m.typ, m.number)
	f.begin(i)
}

// begin starts the instance's process, and waits elsewhere for it to answer and to end.
func (f *follower) begin(i *instance) {
	p, err := f.start(i)
	if err != nil {
		f.broken(i, fmt.Errorf("starting %s: %w", i.name(), err))
		return
	}
	i.process, i.last = p, p
	ctx, cancel := context.WithTimeout(f.ctx, f.o.BootTimeout)
	listens, port := i.typ == web, i.port
	f.busy.Go(func() {
		defer cancel()
		address, err := f.check(ctx, listens, port)
		f.post(func() { f.checked(i, p, address, err) })
	})
	f.busy.Go(func() {
		_, how, err := p.Wait()
		cancel()
		f.tell(func() { f.ended(i, p, how, err) })
	})
}

func (f *follower) start(i *instance) (*launch.Process, error) {
	taken := map[int]bool{}
	for other := range f.instances {
		taken[other.port] = true
	}
	var err error
	if i.port, err = freePort(taken); err != nil {
		return nil, err
	}
	command, _ := i.crew.release.ProcessTypes.Command(i.typ)
	m := launch.Label{Name: i.name(), Index: i.crew.place(i.typ)}
	if record, version := f.o.Record, i.crew.release.Version; record != nil {
		m.Record = func(name string, own bool, line []byte) { record(version, name, own, line) }
	}
	return f.o.Console.Start(
		m,
		launch.RunOptions{Self: f.o.Self, Dir: i.crew.unpacked.Dir, Command: command, Env: f.o.Env,
			Port: i.port, Dyno: i.name(), Grace: f.o.Grace},
	)
}

// check waits until a port answers, on either of the machine's own addresses; without one, until
// the process has lived for a moment.
func (f *follower) check(ctx context.Context, listens bool, port int) (address string, err error) {
	if !listens {
		select {
		case <-time.After(f.o.Settle):
			return "", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	for {
		for _, host := range []string{"127.0.0.1", "::1"} {
			address := net.JoinHostPort(host, strconv.Itoa(port))
			if conn, err := new(net.Dialer).DialContext(ctx, "tcp", address); err == nil {
				conn.Close()
				return address, nil
			}
		}
		select {
		case <-time.After(asking):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// checked notes that a process is up, or that it has not come up in time.
func (f *follower) checked(i *instance, p *launch.Process, address string, err error) {
	if f.stopping || i.process != p || i.leaving {
		return
	}
	if err == nil {
		i.up, i.address = true, address
		f.settle()
		return
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return // it has ended, which is told elsewhere
	}
	if i.crew == f.next {
		f.fail(i.crew, fmt.Errorf("%s does not answer on its port after %s", i.name(), f.o.BootTimeout), false)
		return
	}
	i.say(fmt.Sprintf("does not answer on its port after %s: stopping it", f.o.BootTimeout))
	p.Signal(syscall.SIGTERM)
}

// ended draws the consequence of a process's end.
func (f *follower) ended(i *instance, p *launch.Process, how string, err error) {
	p.Print(how)
	i.process, i.up, i.address = nil, false, ""
	if i.leaving {
		f.gone(i)
		return
	}
	if err == nil {
		err = fmt.Errorf("%s %s", i.name(), how)
	}
	f.broken(i, err)
}

// broken is an instance that is not running and should be: the next release fails for it, in the
// live one it is started again after a pause.
func (f *follower) broken(i *instance, why error) {
	if i.crew == f.next {
		f.fail(i.crew, why, false)
		return
	}
	lived := time.Duration(0)
	if i.last != nil {
		lived = time.Since(i.last.Started)
	}
	pause := i.backoff.Next(lived)
	f.say("%v: starting %s again in %s", why, i.name(), pause)
	time.AfterFunc(pause, func() {
		f.post(func() {
			if !f.stopping && !i.leaving {
				f.begin(i)
			}
		})
	})
	f.settle()
}

// leave stops an instance for good: out of rotation, and when its connections have ended or the
// grace is over, by SIGTERM.
func (f *follower) leave(i *instance) {
	i.leaving = true
	delete(i.crew.members, i.member)
	f.route()
	p, address := i.process, i.address
	if p == nil {
		f.gone(i)
		return
	}
	if address == "" || f.stopping {
		p.Signal(syscall.SIGTERM)
		return
	}
	f.busy.Go(func() {
		f.proxy.drain(f.ctx, address, f.o.Grace)
		p.Signal(syscall.SIGTERM)
	})
}

// gone forgets an instance of which nothing runs.
func (f *follower) gone(i *instance) {
	if !f.instances[i] {
		return
	}
	delete(f.instances, i)
	i.crew.left--
	f.discard(i.crew)
}
