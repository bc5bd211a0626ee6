package compiler

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
	"slugc/compiler/release"
)

const (
	// lockTimeout is how long a build waits for a coordinator that does not answer before it goes
	// on without the lock.
	lockTimeout = 1500 * time.Millisecond
	// lockTTL is how long the lock of a machine that died keeps others waiting.
	lockTTL = 10 * time.Second
)

// lockBuilders keeps other builder machines from building the app at the same time, and waits for one that
// does. It only saves work: a build that does not get the lock, or loses it, goes on all the same.
func (b *build) lockBuilders(ctx context.Context) (unlock func()) {
	if b.Builders == nil || !b.Register {
		return func() {}
	}
	unlock, err := b.tryLock(ctx)
	if err != nil {
		if ctx.Err() == nil {
			b.Report.Detail("building without the lock that builder machines share: " + fault.Of(err).Error())
		}
		return func() {}
	}
	return unlock
}

func (b *build) tryLock(ctx context.Context) (unlock func(), err error) {
	locker, err := b.Builders(ctx)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("finding this machine's name: %w", err)
	}
	silent := fmt.Errorf("the coordinator did not answer within %v", lockTimeout)
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(lockTimeout, func() { cancel(silent) })
	defer timer.Stop()
	_, unlock, err = locker.Lock(waiting, coordinator.Lock{
		Key: release.LockKey(b.App), TTL: lockTTL, Owner: host,
		Wait: func(holder string) {
			timer.Stop() // the coordinator answers: wait for the holder
			b.Report.Step(fmt.Sprintf("Waiting for another build of %s (builder host %s)", b.App, holder))
		},
	})
	if err != nil && errors.Is(context.Cause(waiting), silent) {
		return nil, silent
	}
	return unlock, err
}
