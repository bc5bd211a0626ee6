package follow

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// idleAfter is how long no byte must have moved on an idle session.
const idleAfter = time.Second

// session is one client's connection and the one to the instance that serves it. It records which side
// sent last. The kernel's times are too coarse for that, and copying by splice(2) would not show it.
type session struct {
	client, server *net.TCPConn // server is nil while the proxy dials
	clientLast     atomic.Bool  // the client sent the last bytes
	lastByte       atomic.Int64 // when, in ns since start
	writing        atomic.Int32 // writes under way
	start          time.Time
}

func newSession(client *net.TCPConn) *session { return &session{client: client, start: time.Now()} }

// copy copies in both directions until both have ended. When one side closes its direction, the other
// direction goes on.
func (s *session) copy() {
	var back sync.WaitGroup
	back.Go(func() { s.copyOneWay(s.client, s.server, false) })
	s.copyOneWay(s.server, s.client, true)
	back.Wait()
}

const bufferSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func (s *session) copyOneWay(to, from *net.TCPConn, fromClient bool) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		n, err := from.Read(buf[:])
		if n > 0 {
			// Set before the write: the other side's answer comes later, and so counts as later.
			s.clientLast.Store(fromClient)
			s.writing.Add(1)
			_, errWrite := to.Write(buf[:n])
			s.lastByte.Store(int64(time.Since(s.start)))
			s.writing.Add(-1)
			err = errors.Join(err, errWrite)
		}
		if errors.Is(err, io.EOF) {
			to.CloseWrite()
			return
		}
		if err != nil {
			s.close() // so that the other side learns of it
			return
		}
	}
}

// idle reports whether the session is between requests: no bytes move, and the client was not the last to
// send.
func (s *session) idle() bool {
	return !s.clientLast.Load() && s.writing.Load() == 0 &&
		time.Since(s.start)-time.Duration(s.lastByte.Load()) >= idleAfter
}

// close closes both connections.
func (s *session) close() {
	s.client.Close()
	if s.server != nil {
		s.server.Close()
	}
}
