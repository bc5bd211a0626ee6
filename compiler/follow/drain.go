package follow

import (
	"context"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// How connections to an instance that is to be stopped end.
const (
	quiet    = time.Second           // after so long without a byte, the last of which came from the instance, a connection rests between requests
	draining = 50 * time.Millisecond // how often it is looked at them
)

// drain waits until the target, which must be out of rotation, has no connections, ctx ends, or the grace is over. A connection that rests is closed, as any
// server may close one that is kept alive; one with a request or an answer under way is left alone.
func (p *proxy) drain(ctx context.Context, target string, grace time.Duration) {
	over := time.NewTimer(grace)
	defer over.Stop()
	tick := time.NewTicker(draining)
	defer tick.Stop()
	for p.closeResting(target) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		case <-over.C:
			return
		case <-p.ended:
			return
		}
	}
}

// closeResting closes the target's connections that rest and returns how many there are left.
func (p *proxy) closeResting(target string) (left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.active[target] {
		if l.server != nil && resting(l.client) {
			l.close()
		}
		left++ // also those just closed: their copying has yet to end
	}
	return left
}

// resting asks the kernel when bytes were last sent and received, and whether any are under way: copying by splice sees none of them.
func resting(client *net.TCPConn) bool {
	raw, err := client.SyscallConn()
	if err != nil {
		return false
	}
	var info *unix.TCPInfo
	asked := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if asked != nil || err != nil {
		return false
	}
	sent, received := time.Duration(info.Last_data_sent)*time.Millisecond, time.Duration(info.Last_data_recv)*time.Millisecond
	return sent >= quiet && sent <= received && info.Unacked == 0 && info.Notsent_bytes == 0
}
