package follow

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// quiet is how long no byte may have moved on a connection that rests.
const quiet = time.Second

// link is one connection that is passed on. It remembers who spoke last, which neither the kernel's
// times, too coarse for it, nor copying by splice would tell.
type link struct {
	client, server *net.TCPConn // server is nil while dialling
	asked          atomic.Bool  // the last bytes were the client's
	moved          atomic.Int64 // when, in ns since began
	writing        atomic.Int32 // writes under way
	began          time.Time
}

func newLink(client *net.TCPConn) *link { return &link{client: client, began: time.Now()} }

// copy copies both ways until both are done: the end of one is passed on and the other goes on.
func (l *link) copy() {
	var back sync.WaitGroup
	back.Go(func() { l.oneWay(l.client, l.server, false) })
	l.oneWay(l.server, l.client, true)
	back.Wait()
}

// buffers are what is read at a time.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (l *link) oneWay(to, from *net.TCPConn, asking bool) {
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, err := from.Read(buf[:])
		if n > 0 {
			// Before it is written: what the other side says to it comes later, and so counts as
			// later.
			l.asked.Store(asking)
			l.writing.Add(1)
			_, failed := to.Write(buf[:n])
			l.moved.Store(int64(time.Since(l.began)))
			l.writing.Add(-1)
			err = errors.Join(err, failed)
		}
		if errors.Is(err, io.EOF) {
			to.CloseWrite()
			return
		}
		if err != nil {
			l.close() // one of them was broken off, and the other is to know
			return
		}
	}
}

// resting says whether the connection is between requests: nothing moves, and the last to speak was
// not the client.
func (l *link) resting() bool {
	return !l.asked.Load() && l.writing.Load() == 0 && time.Since(l.began)-time.Duration(l.moved.Load()) >= quiet
}

// close breaks the connection off.
func (l *link) close() {
	l.client.Close()
	if l.server != nil {
		l.server.Close()
	}
}
