package release

import (
	"context"
	"sync"
	"time"

	"slugc/compiler/coordinator"
)

// queues make the writers of one app in this process write one after another: at the same time they
// would only make each other's commits fail.
type queues struct {
	mu   sync.Mutex
	apps map[string]*appQueue
}

// appQueue is an app's queue, and what its last writer left for the next.
type appQueue struct {
	turn  chan struct{}
	users int // in it or waiting; guarded by queues.mu
	mu    sync.Mutex
	cache map[string]coordinator.Entry // nil: unknown
}

const (
	// maxWait is the longest wait for a turn. The queue saves work and guards nothing, so a writer
	// that waits for a dead coordinator need not block others.
	maxWait = time.Second
	// maxIdle is how many apps without writers are remembered.
	maxIdle = 1000
)

// enter waits for the caller's turn. After maxWait, or when ctx ends, the caller goes ahead without
// one.
func (q *queues) enter(ctx context.Context, app string) (_ *appQueue, leave func()) {
	q.mu.Lock()
	a := q.apps[app]
	if a == nil {
		q.makeRoom()
		a = &appQueue{turn: make(chan struct{}, 1)}
		q.apps[app] = a
	}
	a.users++
	q.mu.Unlock()
	done := func() {
		q.mu.Lock()
		a.users--
		q.mu.Unlock()
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case a.turn <- struct{}{}:
		return a, func() {
			<-a.turn
			done()
		}
	case <-timer.C:
	case <-ctx.Done():
	}
	return a, done
}

// makeRoom forgets the apps without writers when there are many. The caller holds q.mu.
func (q *queues) makeRoom() {
	if q.apps == nil {
		q.apps = map[string]*appQueue{}
	}
	if len(q.apps) < maxIdle {
		return
	}
	for app, a := range q.apps {
		if a.users == 0 {
			delete(q.apps, app)
		}
	}
}

// takeCache returns what the last writer left, once: a writer that fails leaves nothing.
func (a *appQueue) takeCache() map[string]coordinator.Entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	cache := a.cache
	a.cache = nil
	return cache
}

func (a *appQueue) setCache(cache map[string]coordinator.Entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cache = cache
}
