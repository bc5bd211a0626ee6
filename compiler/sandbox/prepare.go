package sandbox

import "slugc/compiler/sandbox/supervise"

// prepared is what a run needs before its program is known, and what takes longest to make.
type prepared struct {
	bounds *bounds
	ready  *supervise.Ready
}

// Prepare makes the control group and the supervisor of the next [Sandbox.Run] with the same limits of memory
// and processes, so that it need not wait for them. Where that fails, the run makes them itself. If there is no
// such run, [Sandbox.Discard] must be called; with slugc they end in any case.
func (s *Sandbox) Prepare(l Limits) {
	if s.self == "" {
		return
	}
	b := s.bound(l)
	ready, err := supervise.Prepare(supervise.Request{Self: s.self, Isolation: b.isolation(s)})
	if err != nil {
		b.release(false)
		return
	}
	select {
	case s.prepared <- &prepared{b, ready}:
	default:
		discard(&prepared{b, ready})
	}
}

// Discard ends what no run has used of what was prepared.
func (s *Sandbox) Discard() {
	select {
	case p := <-s.prepared:
		discard(p)
	default:
	}
}

func discard(p *prepared) {
	p.ready.Close()
	p.bounds.release(false)
}

// take returns what was prepared for a run with these limits, or the bounds alone.
func (s *Sandbox) take(l Limits) (*bounds, *supervise.Ready) {
	select {
	case p := <-s.prepared:
		if p.bounds.limits.Memory == l.Memory && p.bounds.limits.Processes == l.Processes {
			p.bounds.limits = l
			return p.bounds, p.ready
		}
		discard(p)
	default:
	}
	return s.bound(l), nil
}
