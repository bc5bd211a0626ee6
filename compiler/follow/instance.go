package follow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"slugc/compiler/launch"
)

// web is the process type that gets connections.
const web = "web"

// probeInterval is how often a port is tried until it answers.
const probeInterval = 50 * time.Millisecond

// instance is one process of a release, over all its restarts.
type instance struct {
	member
	generation *generation
	port       int
	process    *launch.Process // nil while it waits for its restart
	last       *launch.Process
	ready      bool
	address    string // where a web process answers
	retired    bool
	backoff    launch.Backoff
}

func version(g *generation) string { return strconv.Itoa(g.release.Version) }

func (m member) name() string { return m.typ + "." + strconv.Itoa(m.number) }

// print writes a line about the instance, if it was ever started.
func (i *instance) print(text string) {
	if i.last != nil {
		i.last.Print(text)
	}
}

// add starts a new instance.
func (f *follower) add(g *generation, m member) {
	i := &instance{member: m, generation: g, backoff: launch.Backoff{First: f.o.Backoff}}
	g.members[m] = i
	g.left++
	f.instances[i] = true
	f.o.Console.FitName(m.typ, m.number)
	f.startInstance(i)
}

// startInstance starts the instance's process. Other goroutines wait until it is ready and until it ends.
func (f *follower) startInstance(i *instance) {
	p, err := f.startProcess(i)
	if err != nil {
		f.handleFailure(i, fmt.Errorf("starting %s: %w", i.name(), err))
		return
	}
	i.process, i.last = p, p
	ctx, cancel := context.WithTimeout(f.ctx, f.o.BootTimeout)
	listens, port := i.typ == web, i.port
	f.background.Go(func() {
		defer cancel()
		address, err := f.awaitReady(ctx, listens, port)
		f.post(func() { f.handleReady(i, p, address, err) })
	})
	f.background.Go(func() {
		_, how, err := p.Wait()
		cancel()
		f.mustPost(func() { f.handleExit(i, p, how, err) })
	})
}

func (f *follower) startProcess(i *instance) (*launch.Process, error) {
	taken := map[int]bool{}
	for other := range f.instances {
		taken[other.port] = true
	}
	var err error
	if i.port, err = freePort(taken); err != nil {
		return nil, err
	}
	command, _ := i.generation.release.ProcessTypes.Command(i.typ)
	label := launch.Label{Name: i.name(), Index: i.generation.index(i.typ)}
	if record, version := f.o.Record, i.generation.release.Version; record != nil {
		label.Record = func(name string, own bool, line []byte) { record(version, name, own, line) }
	}
	unpacked := i.generation.unpacked
	return f.o.Console.Start(label, launch.RunOptions{
		Self: f.o.Self, Dir: unpacked.Dir, Directory: unpacked.Directory, Mounts: unpacked.Mounts,
		Layers: unpacked.Layers, Command: command,
		Env:  slices.Concat(i.generation.release.Environment(f.o.App), i.generation.config, f.o.Env),
		Port: i.port, Dyno: i.name(), Grace: f.o.Grace, Tmp: filepath.Join(unpacked.Tmp, i.name()),
	})
}

// awaitReady waits until the port answers on one of the loopback addresses, and returns that address. For
// a process that does not listen it waits for the minimum uptime.
func (f *follower) awaitReady(ctx context.Context, listens bool, port int) (address string, err error) {
	if !listens {
		select {
		case <-time.After(f.o.MinUptime):
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
		case <-time.After(probeInterval):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// handleReady records that a process is ready. With an error it has not become ready in time, or has ended.
func (f *follower) handleReady(i *instance, p *launch.Process, address string, err error) {
	if f.stopping || i.process != p || i.retired {
		return
	}
	if err == nil {
		i.ready, i.address = true, address
		f.promote()
		return
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return // it has ended: handleExit follows
	}
	late := fmt.Sprintf("does not answer on its port after %s", f.o.BootTimeout)
	if i.generation == f.next {
		f.abandon(i.generation, fmt.Errorf("%s %s", i.name(), late), false)
		return
	}
	i.print(late + ": stopping it")
	p.Signal(syscall.SIGTERM)
}

// handleExit records that a process has ended.
func (f *follower) handleExit(i *instance, p *launch.Process, how string, err error) {
	p.Print(how)
	i.process, i.ready, i.address = nil, false, ""
	if i.retired {
		f.forget(i)
		return
	}
	if err == nil {
		err = fmt.Errorf("%s %s", i.name(), how)
	}
	f.handleFailure(i, err)
}

// handleFailure handles an instance that does not run although it should. The next release is abandoned for
// it. In the live release the instance is started again after a pause.
func (f *follower) handleFailure(i *instance, cause error) {
	if i.generation == f.next {
		f.abandon(i.generation, cause, false)
		return
	}
	lived := time.Duration(0)
	if i.last != nil {
		lived = time.Since(i.last.Started)
	}
	pause := i.backoff.Next(lived)
	f.print("%v: starting %s again in %s", cause, i.name(), pause)
	time.AfterFunc(pause, func() {
		f.post(func() {
			if !f.stopping && !i.retired {
				f.startInstance(i)
			}
		})
	})
	f.promote()
}

// retireInstance stops an instance for good: new connections no longer go to it, and when its connections
// have ended or the grace is over, it gets SIGTERM.
func (f *follower) retireInstance(i *instance) {
	i.retired = true
	delete(i.generation.members, i.member)
	f.updateTargets()
	p, address := i.process, i.address
	if p == nil {
		f.forget(i)
		return
	}
	if address == "" || f.stopping {
		p.Signal(syscall.SIGTERM)
		return
	}
	f.background.Go(func() {
		f.proxy.drain(f.ctx, address, f.o.Grace)
		p.Signal(syscall.SIGTERM)
	})
}

// forget removes an instance that has ended.
func (f *follower) forget(i *instance) {
	if !f.instances[i] {
		return
	}
	delete(f.instances, i)
	i.generation.left--
	f.removeEnded(i.generation)
}
