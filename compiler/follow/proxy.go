package follow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"slugc/compiler/fault"
)

// How the proxy treats a new connection.
const (
	holding    = 10 * time.Second       // how long it waits for an instance that is on its way
	dialing    = 5 * time.Second        // how long an instance may take to accept it
	redialling = 100 * time.Millisecond // until instances that did not accept are asked again
)

// proxy passes TCP connections on to the instances in rotation, each to the next one. It knows
// nothing of what is said on them.
type proxy struct {
	listener *net.TCPListener
	ended    chan struct{}
	serving  sync.WaitGroup

	mu      sync.Mutex
	targets []string
	coming  bool          // a target is on its way: connections wait for it
	changed chan struct{} // closed when targets or coming change
	next    int
	active  map[string]map[*link]bool // by target
}

// listen opens the public port. An address that cannot be had is a fault "follow/port".
func listen(address string) (*proxy, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, fault.UsageError(
			"follow/port",
			fmt.Errorf("listening on %q: %w", address, err),
			"choose another port with -p, or another address of this machine with --listen",
		)
	}
	p := &proxy{
		listener: l.(*net.TCPListener),
		ended:    make(chan struct{}),
		changed:  make(chan struct{}),
		active:   map[string]map[*link]bool{},
	}
	p.serving.Go(p.serve)
	return p, nil
}

// rotate sets the targets of new connections. Those that are there are left alone.
func (p *proxy) rotate(targets []string, coming bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets, p.coming = targets, coming
	close(p.changed)
	p.changed = make(chan struct{})
}

// close ends the proxy with all its connections.
func (p *proxy) close() {
	close(p.ended)
	p.listener.Close()
	p.mu.Lock()
	for _, links := range p.active {
		for l := range links {
			l.close()
		}
	}
	p.mu.Unlock()
	p.serving.Wait()
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.AcceptTCP()
		if err == nil {
			p.serving.Go(func() { p.handle(client) })
			continue
		}
		select {
		case <-p.ended:
			return
		case <-time.After(redialling): // no file left for it
		}
	}
}

// handle passes one connection on, or closes it when no instance takes it.
func (p *proxy) handle(client *net.TCPConn) {
	defer client.Close()
	given := time.NewTimer(holding)
	defer given.Stop()
	for {
		p.mu.Lock()
		tries, coming, changed := len(p.targets), p.coming, p.changed
		p.mu.Unlock()
		for range tries {
			if p.pass(client) {
				return
			}
		}
		if tries == 0 && !coming {
			return
		}
		select {
		case <-changed:
		case <-time.After(redialling):
		case <-given.C:
			return
		case <-p.ended:
			return
		}
	}
}

// pass passes a connection on to the next target, and reports whether that took it.
func (p *proxy) pass(client *net.TCPConn) bool {
	l := newLink(client)
	target, ok := p.take(l)
	if !ok {
		return false
	}
	defer p.drop(target, l)
	ctx, cancel := context.WithTimeout(context.Background(), dialing)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return false
	}
	defer conn.Close()
	p.mu.Lock()
	l.server = conn.(*net.TCPConn)
	p.mu.Unlock()
	select {
	case <-p.ended:
		return true
	default:
	}
	l.copy()
	return true
}

// take chooses the next target. From this moment on the connection counts as the target's, so that
// draining waits for it.
func (p *proxy) take(l *link) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.targets) == 0 {
		return "", false
	}
	p.next++
	target := p.targets[p.next%len(p.targets)]
	if p.active[target] == nil {
		p.active[target] = map[*link]bool{}
	}
	p.active[target][l] = true
	return target, true
}

func (p *proxy) drop(target string, l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.active[target], l)
	if len(p.active[target]) == 0 {
		delete(p.active, target)
	}
}
