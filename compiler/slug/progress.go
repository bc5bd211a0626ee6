package slug

import "sync"

// progress adds up what is done and reports it. It is safe for concurrent use, and never calls
// report twice at once.
type progress struct {
	mu          sync.Mutex
	report      func(done, total int64) // nil for none
	done, total int64
}

// add adds to both numbers. total never falls behind done.
func (p *progress) add(done, total int64) {
	if p.report == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total = p.done+done, max(p.total+total, p.done+done)
	p.report(p.done, p.total)
}
