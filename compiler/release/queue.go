package release

import (
	"context"
	"sync"
	"time"

	"slugc/compiler/coordinator"
)

// queue lets the writers of one app in this process go one after another, as they would only make
// each other's commits fail.
type queue struct {
	mu   sync.Mutex
	apps map[string]*line
}

// line is an app's queue.
type line struct {
	turn  chan struct{}
	users int // in it or waiting; guarded by queue.mu
	mu    sync.Mutex
	known map[string]coordinator.Entry // what the last writer left; nil if that is not known
}

const (
	// politeness is the longest wait for a turn. The queue saves work and guards nothing: one
	// writer that waits for a dead coordinator holds nobody up.
	politeness = time.Second
	// idle is how many apps without writers are remembered.
	idle = 1000
)

// enter waits for the caller's turn, or goes ahead without it when that takes long.
func (q *queue) enter(ctx context.Context, app string) (*line, func()) {
	q.mu.Lock()
	l := q.apps[app]
	if l == nil {
		q.sweep()
		l = &line{turn: make(chan struct{}, 1)}
		q.apps[app] = l
	}
	l.users++
	q.mu.Unlock()
	done := func() {
		q.mu.Lock()
		l.users--
		q.mu.Unlock()
	}
	timer := time.NewTimer(politeness)
	defer timer.Stop()
	select {
	case l.turn <- struct{}{}:
		return l, func() {
			<-l.turn
			done()
		}
	case <-timer.C:
	case <-ctx.Done():
	}
	return l, done
}

// sweep forgets the apps that nobody writes, when they have become many. The queue must be locked.
func (q *queue) sweep() {
	if q.apps == nil {
		q.apps = map[string]*line{}
	}
	if len(q.apps) < idle {
		return
	}
	for app, l := range q.apps {
		if l.users == 0 {
			delete(q.apps, app)
		}
	}
}

// take returns what is known, once: a writer that fails leaves nothing.
func (l *line) take() map[string]coordinator.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.known
	l.known = nil
	return known
}

func (l *line) keep(known map[string]coordinator.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = known
}
