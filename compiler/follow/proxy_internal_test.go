package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"slugc/compiler/fault"
)

func newProxy(t *testing.T) *proxy {
	t.Helper()
	p, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// backend starts a server that calls do with every connection.
func backend(t *testing.T, do func(net.Conn)) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				do(conn)
			}()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return l.Addr().String(), func() { l.Close() }
}

func dial(t *testing.T, p *proxy) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // for a test that would hang
	return conn.(*net.TCPConn)
}

// TestProxyHalfClose holds that the instance sees the end of what the client sends, and can still answer.
func TestProxyHalfClose(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	address, _ := backend(t, func(conn net.Conn) {
		request, _ := io.ReadAll(conn)
		fmt.Fprintf(conn, "%d bytes", len(request))
	})
	p.setTargets([]string{address}, false)
	conn := dial(t, p)
	const size = 5 << 20
	if _, err := conn.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || string(answer) != fmt.Sprint(size, " bytes") {
		t.Errorf("the answer is %q, %v", answer, err)
	}
}

// TestProxyRoundRobin holds that connections go to each target in turn, and skip one that does not listen.
func TestProxyRoundRobin(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	one, _ := backend(t, func(conn net.Conn) { fmt.Fprint(conn, "one") })
	two, _ := backend(t, func(conn net.Conn) { fmt.Fprint(conn, "two") })
	dead, stop := backend(t, nil)
	stop()
	p.setTargets([]string{one, dead, two}, false)
	count := map[string]int{}
	for range 12 {
		answer, err := io.ReadAll(dial(t, p))
		if err != nil {
			t.Fatal(err)
		}
		count[string(answer)]++
	}
	if count["one"] < 3 || count["two"] < 3 || count["one"]+count["two"] != 12 {
		t.Errorf("answers are %v", count)
	}
}

// TestProxyWaits holds that a connection is closed when there is no target, unless one is starting.
func TestProxyWaits(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	if _, err := io.ReadAll(dial(t, p)); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("none is starting: %v", err)
	}
	p.setTargets(nil, true)
	conn := dial(t, p)
	address, _ := backend(t, func(conn net.Conn) { fmt.Fprint(conn, "here") })
	p.setTargets([]string{address}, false)
	if answer, err := io.ReadAll(conn); err != nil || string(answer) != "here" {
		t.Errorf("one is starting: %q, %v", answer, err)
	}
}

// TestProxyDrains holds that drain closes idle connections and waits for an answer that is under way.
func TestProxyDrains(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	answer := make(chan struct{})
	address, _ := backend(t, func(conn net.Conn) {
		buf := make([]byte, 10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			if string(buf[:n]) == "slow" {
				<-answer
			}
			_, _ = conn.Write([]byte("done"))
		}
	})
	p.setTargets([]string{address}, false)
	idle, silent, slow := dial(t, p), dial(t, p), dial(t, p)
	send := func(conn net.Conn, word string) {
		if _, err := conn.Write([]byte(word)); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 10)
	send(idle, "fast")
	if n, err := idle.Read(buf); err != nil || string(buf[:n]) != "done" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	send(slow, "slow")
	p.setTargets(nil, true)
	drained := make(chan struct{})
	go func() {
		p.drain(t.Context(), address, time.Hour)
		close(drained)
	}()
	for name, conn := range map[string]net.Conn{"idle": idle, "silent": silent} {
		if _, err := conn.Read(buf); !errors.Is(err, io.EOF) {
			t.Errorf("the %s connection: %v", name, err)
		}
	}
	select {
	case <-drained:
		t.Error("drain does not wait for the answer")
	default:
	}
	close(answer)
	if n, err := slow.Read(buf); err != nil || string(buf[:n]) != "done" {
		t.Errorf("the slow answer: %q, %v", buf[:n], err)
	}
	<-drained
}

// TestProxyDrainEnds holds that drain returns when the grace is over or ctx ends.
func TestProxyDrainEnds(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	address, _ := backend(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	p.setTargets([]string{address}, false)
	if _, err := dial(t, p).Write([]byte("asked")); err != nil {
		t.Fatal(err)
	}
	for asked := false; !asked; {
		p.mu.Lock()
		for s := range p.active[address] {
			asked = s.clientLast.Load()
		}
		p.mu.Unlock()
	}
	p.drain(t.Context(), address, time.Nanosecond)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	p.drain(ended, address, time.Hour)
}

// TestProxySwitches replaces servers under load and kills each as soon as it is drained. No request fails.
func TestProxySwitches(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	serve := func(n int) (string, func()) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, n) })}
		go func() { _ = s.Serve(l) }()
		return l.Addr().String(), func() { s.Close() }
	}
	address, kill := serve(0)
	p.setTargets([]string{address}, false)
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var requests atomic.Int64
	newest := make([]atomic.Int64, 4)
	for c := range newest {
		clients.Go(func() { request(ctx, t, p.listener.Addr().String(), c == 0, &requests, &newest[c]) })
	}
	for n := 1; n <= 6; n++ {
		old, killOld := address, kill
		address, kill = serve(n)
		p.setTargets([]string{address}, false)
		p.drain(ctx, old, time.Hour)
		killOld()
		for c := range newest {
			for newest[c].Load() < int64(n) && !t.Failed() {
				time.Sleep(time.Millisecond)
			}
		}
	}
	cancel()
	clients.Wait()
	kill()
	t.Logf("%d requests", requests.Load())
}

// request sends requests until ctx ends: each on a connection of its own or, if keepAlive, on one with pauses
// between. The test fails when a request fails, or when an older server answers after a newer one.
func request(ctx context.Context, t *testing.T, address string, keepAlive bool, requests, newest *atomic.Int64) {
	transport := &http.Transport{DisableKeepAlives: !keepAlive}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for ctx.Err() == nil {
		response, err := client.Get("http://" + address + "/")
		if err != nil {
			t.Errorf("request %d: %v", requests.Load(), err)
			return
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		var n int64
		if _, scanned := fmt.Sscan(string(body), &n); err != nil || scanned != nil || n < newest.Load() {
			t.Errorf("answer %q after %d, %v", body, newest.Load(), err)
			return
		}
		newest.Store(n)
		requests.Add(1)
		if keepAlive {
			select {
			case <-time.After(3 * time.Second / 2):
			case <-ctx.Done():
			}
		}
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	_, err := listen(p.listener.Addr().String())
	if f := fault.Of(err); f == nil || f.ID != "follow/port" || f.Code != fault.ExitUsage ||
		!strings.HasSuffix(f.Error(), "bind: address already in use") {
		t.Errorf("the error is %v", err)
	}
}
