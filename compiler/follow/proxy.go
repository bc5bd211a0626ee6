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

const (
	holdTimeout   = 10 * time.Second       // how long a connection waits for an instance that is starting
	dialTimeout   = 5 * time.Second        // how long an instance may take to accept a connection
	retryInterval = 100 * time.Millisecond // after which instances that did not accept are tried again
)

// proxy forwards TCP connections to its targets in turn. It does not read what they carry.
type proxy struct {
	listener *net.TCPListener
	ended    chan struct{}
	serving  sync.WaitGroup

	mu       sync.Mutex
	targets  []string      // addresses
	starting bool          // a target is starting: connections wait for it
	changed  chan struct{} // closed when targets or starting change
	next     int
	active   map[string]map[*session]bool // by address
}

// listen opens the public port. The fault "follow/port" says that it cannot.
func listen(address string) (*proxy, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, fault.UsageError("follow/port", fmt.Errorf("listening on %q: %w", address, err),
			"choose another port with -p, or another address of this machine with --listen")
	}
	p := &proxy{
		listener: l.(*net.TCPListener),
		ended:    make(chan struct{}),
		changed:  make(chan struct{}),
		active:   map[string]map[*session]bool{},
	}
	p.serving.Go(p.serve)
	return p, nil
}

// setTargets sets the targets of new connections. Open connections stay where they are.
func (p *proxy) setTargets(targets []string, starting bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets, p.starting = targets, starting
	close(p.changed)
	p.changed = make(chan struct{})
}

// close ends the proxy with all its connections.
func (p *proxy) close() {
	close(p.ended)
	p.listener.Close()
	p.mu.Lock()
	for _, sessions := range p.active {
		for s := range sessions {
			s.close()
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
		case <-time.After(retryInterval): // too many open files
		}
	}
}

// handle forwards one connection, or closes it when no target accepts it.
func (p *proxy) handle(client *net.TCPConn) {
	defer client.Close()
	timeout := time.NewTimer(holdTimeout)
	defer timeout.Stop()
	for {
		p.mu.Lock()
		tries, starting, changed := len(p.targets), p.starting, p.changed
		p.mu.Unlock()
		for range tries {
			if p.forward(client) {
				return
			}
		}
		if tries == 0 && !starting {
			return
		}
		select {
		case <-changed:
		case <-time.After(retryInterval):
		case <-timeout.C:
			return
		case <-p.ended:
			return
		}
	}
}

// forward forwards a connection to the next target, and reports whether the target accepted it.
func (p *proxy) forward(client *net.TCPConn) bool {
	s := newSession(client)
	target, ok := p.assign(s)
	if !ok {
		return false
	}
	defer p.remove(target, s)
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return false
	}
	defer conn.Close()
	p.mu.Lock()
	s.server = conn.(*net.TCPConn)
	p.mu.Unlock()
	select {
	case <-p.ended:
		return true
	default:
	}
	s.copy()
	return true
}

// assign chooses the next target for a session. From now on drain waits for the session.
func (p *proxy) assign(s *session) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.targets) == 0 {
		return "", false
	}
	p.next++
	target := p.targets[p.next%len(p.targets)]
	if p.active[target] == nil {
		p.active[target] = map[*session]bool{}
	}
	p.active[target][s] = true
	return target, true
}

func (p *proxy) remove(target string, s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.active[target], s)
	if len(p.active[target]) == 0 {
		delete(p.active, target)
	}
}
