package blobstore

import (
	"context"
	"net"
	"net/http"
	"time"
)

// newTransport gives what speaks HTTP. A connection on which no byte moves for the idle time is
// given up, however long the whole takes.
func newTransport(idle time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &idleConn{c, idle}, nil
		},
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 2 * jobs,
		IdleConnTimeout:     30 * time.Second,
		// A slug is compressed; and what the server would do by the way would be no longer what it
		// keeps.
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// idleConn is a connection with a time limit on standing still. What is written counts for reading
// too: the client waits for the answer while it sends.
type idleConn struct {
	net.Conn
	idle time.Duration
}

func (c *idleConn) Read(b []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *idleConn) Write(b []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
