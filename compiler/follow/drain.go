package follow

import (
	"context"
	"time"
)

// draining is how often the connections to an instance that is to be stopped are looked at.
const draining = 50 * time.Millisecond

// drain waits until the target, which must be out of rotation, has no connections, ctx ends, or the
// grace is over. A connection that rests is closed, as any server may close one that is kept alive;
// one with a request or an answer under way is left alone.
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

// closeResting closes the target's connections that rest and returns how many there were.
func (p *proxy) closeResting(target string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.active[target] {
		if l.server != nil && l.resting() {
			l.close()
		}
	}
	return len(p.active[target])
}
