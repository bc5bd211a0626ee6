package compiler

import (
	"context"

	"slugc/compiler/sandbox"
)

// boxAhead is the sandbox of a build, which is looked for while the source is copied and the toolchains are
// compared with their manifests.
type boxAhead struct {
	box   *sandbox.Sandbox
	err   error
	ended chan struct{} // closed when box and err are set
}

// prepareSandbox starts to look for the sandbox, and to prepare its first run. release must be called when the
// build has ended.
func (b *build) prepareSandbox(ctx context.Context) (release func()) {
	ctx, cancel := context.WithCancel(ctx)
	ahead := &boxAhead{ended: make(chan struct{})}
	b.ahead = ahead
	go func() {
		defer close(ahead.ended)
		if ahead.box, ahead.err = b.Sandbox(ctx); ahead.err == nil {
			ahead.box.Prepare(b.Limits)
		}
	}()
	return func() {
		cancel()
		if <-ahead.ended; ahead.err == nil {
			ahead.box.Discard()
		}
	}
}

// sandbox waits for the sandbox.
func (a *boxAhead) sandbox() (*sandbox.Sandbox, error) {
	<-a.ended
	return a.box, a.err
}
