package follow

import (
	"context"
	"time"
)

// drainInterval is how often drain looks at the connections.
const drainInterval = 50 * time.Millisecond

// drain returns when the address has no connections, ctx ends, or the grace is over. New connections must
// no longer go there. It closes a connection that is idle, as any server may close one that is kept alive.
// It does not touch one on which a request or an answer is under way.
func (p *proxy) drain(ctx context.Context, address string, grace time.Duration) {
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	tick := time.NewTicker(drainInterval)
	defer tick.Stop()
	for p.closeIdle(address) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		case <-timeout.C:
			return
		case <-p.ended:
			return
		}
	}
}

// closeIdle closes the address's idle sessions, and returns how many sessions there were.
func (p *proxy) closeIdle(address string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.active[address] {
		if s.server != nil && s.idle() {
			s.close()
		}
	}
	return len(p.active[address])
}
