package etcd_test

import (
	"net"
	"sync"
	"testing"
)

// proxy passes connections on to a member until the test ends. It breaks a connection once the
// member has answered limit() bytes.
func proxy(t *testing.T, l net.Listener, member string, limit func() int) {
	t.Helper()
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", member)
			if err != nil {
				_ = in.Close()
				continue
			}
			wg.Go(func() { pass(in, out, unlimited()) })
			wg.Go(func() { pass(out, in, limit()) })
		}
	})
}

func unlimited() int { return 1 << 30 }

// pass copies at most limit bytes, and then breaks both connections.
func pass(from, to net.Conn, limit int) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 64)
	for limit > 0 {
		n, err := from.Read(b)
		if _, werr := to.Write(b[:n]); err != nil || werr != nil {
			return
		}
		limit -= n
	}
}
