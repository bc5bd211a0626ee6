package blobstore

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// newTransport returns a transport that closes a connection on which no byte moves for the idle
// time, however long the whole request takes.
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
		// Slugs are compressed, and a body that the server compressed would not be what it keeps.
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// guardedTransport sends requests to http and https addresses only, and to https ones alone if the
// store is one: a redirect, an upload's Location and a token's realm are the server's word.
type guardedTransport struct {
	http.RoundTripper
	location
	secure bool
}

func (t guardedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if s := r.URL.Scheme; s != "https" && (s != "http" || t.secure) {
		return nil, t.refused(fmt.Sprintf("it points to an address with the scheme %.20q", s))
	}
	return t.RoundTripper.RoundTrip(r)
}

// idleConn is a connection that fails when no byte moves for a time. A write extends the time for
// reads too, because the client waits for the answer while it sends.
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
