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

// backend listens and does the same with every connection.
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

// The end of what one says is passed on, and the other still answers.
func TestProxyHalfClose(t *testing.T) {
	p := newProxy(t)
	address, _ := backend(t, func(conn net.Conn) {
		said, _ := io.ReadAll(conn)
		fmt.Fprintf(conn, "%d bytes", len(said))
	})
	p.rotate([]string{address}, false)
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

// Connections go to each in turn, and past one that does not listen.
func TestProxyRotates(t *testing.T) {
	p := newProxy(t)
	one, _ := backend(t, func(conn net.Conn) { fmt.Fprint(conn, "one") })
	two, _ := backend(t, func(conn net.Conn) { fmt.Fprint(conn, "two") })
	dead, stop := backend(t, nil)
	stop()
	p.rotate([]string{one, dead, two}, false)
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

// Without an instance a connection is closed, unless one is on its way.
func TestProxyWaits(t *testing.T) {
	p := newProxy(t)
	if _, err := io.ReadAll(dial(t, p)); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("none is on its way: %v", err)
	}
	p.rotate(nil, true)
	conn := dial(t, p)
	address, _ := backend(t, func(conn net.Conn) { fmt.Fprint(conn, "here") })
	p.rotate([]string{address}, false)
	if answer, err := io.ReadAll(conn); err != nil || string(answer) != "here" {
		t.Errorf("one is on its way: %q, %v", answer, err)
	}
}

// Draining closes connections that rest, and waits for an answer that is under way.
func TestProxyDrains(t *testing.T) {
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
	p.rotate([]string{address}, false)
	resting, silent, slow := dial(t, p), dial(t, p), dial(t, p)
	say := func(conn net.Conn, word string) {
		if _, err := conn.Write([]byte(word)); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 10)
	say(resting, "fast")
	if n, err := resting.Read(buf); err != nil || string(buf[:n]) != "done" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	say(slow, "slow")
	p.rotate(nil, true)
	drained := make(chan struct{})
	go func() {
		p.drain(t.Context(), address, time.Hour)
		close(drained)
	}()
	for name, conn := range map[string]net.Conn{"resting": resting, "silent": silent} {
		if _, err := conn.Read(buf); !errors.Is(err, io.EOF) {
			t.Errorf("the %s connection: %v", name, err)
		}
	}
	select {
	case <-drained:
		t.Error("an answer is not waited for")
	default:
	}
	close(answer)
	if n, err := slow.Read(buf); err != nil || string(buf[:n]) != "done" {
		t.Errorf("the slow answer: %q, %v", buf[:n], err)
	}
	<-drained
}

// What never rests is given up when the grace is over or ctx ends.
func TestProxyGivesUp(t *testing.T) {
	p := newProxy(t)
	address, _ := backend(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	p.rotate([]string{address}, false)
	if _, err := dial(t, p).Write([]byte("asked")); err != nil {
		t.Fatal(err)
	}
	for asked := false; !asked; {
		p.mu.Lock()
		for l := range p.active[address] {
			asked = l.asked.Load()
		}
		p.mu.Unlock()
	}
	p.drain(t.Context(), address, time.Nanosecond)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	p.drain(ended, address, time.Hour)
}

// Servers are replaced under load, each killed as soon as it is drained: no request fails.
func TestProxySwitches(t *testing.T) {
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
	p.rotate([]string{address}, false)
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var requests atomic.Int64
	newest := make([]atomic.Int64, 4)
	for c := range newest {
		clients.Go(func() { ask(ctx, t, p.listener.Addr().String(), c == 0, &requests, &newest[c]) })
	}
	for n := 1; n <= 6; n++ {
		old, killOld := address, kill
		address, kill = serve(n)
		p.rotate([]string{address}, false)
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

// ask sends requests until ctx ends, each on a connection of its own, or with pauses on one that is
// kept alive. It fails when one fails, or an older server answers after a newer one.
func ask(ctx context.Context, t *testing.T, address string, kept bool, requests, newest *atomic.Int64) {
	transport := &http.Transport{DisableKeepAlives: !kept}
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
		if kept {
			select {
			case <-time.After(3 * time.Second / 2):
			case <-ctx.Done():
			}
		}
	}
}

func TestPortTaken(t *testing.T) {
	p := newProxy(t)
	_, err := listen(p.listener.Addr().String())
	if f := fault.Of(err); f == nil || f.ID != "follow/port" || f.Code != fault.ExitUsage ||
		!strings.HasSuffix(f.Error(), "bind: address already in use") {
		t.Errorf("the error is %v", err)
	}
}
