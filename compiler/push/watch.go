package push

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrClientGone is the cause of a context that ended because the push's client has gone.
var ErrClientGone = errors.New("the client of this push has gone")

// pollInterval is how often processes are checked.
const pollInterval = 100 * time.Millisecond

// WatchClient returns a context that ends, with the cause [ErrClientGone], when the receive-pack
// has ended or nobody reads its output.
func WatchClient(ctx context.Context, receiver Process) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		out := openOutput(receiver)
		defer out.close()
		tick := time.NewTicker(pollInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if !receiver.Alive() || out.hungUp() {
					cancel(ErrClientGone)
					return
				}
			}
		}
	}()
	return ctx, cancel
}

// output is standard output of a receive-pack, which leads to the client. git itself notices a
// closed one only when it writes, every receive.keepAlive seconds; slugc asks the kernel, where it
// may.
type output struct {
	fd     int   // -1: unknown
	events int16 // poll events that mean that nobody reads
	gone   bool
}

// openOutput opens the output: a pipe (a local path, an HTTP server) or a socket (git daemon, ssh).
func openOutput(receiver Process) *output {
	path := fmt.Sprintf("/proc/%d/fd/1", receiver.PID)
	target, err := os.Readlink(path)
	if err != nil {
		return &output{fd: -1}
	}
	switch kind, _, _ := strings.Cut(target, ":"); kind {
	case "pipe":
		// Polling a pipe's writing end returns POLLERR when no reader is left, whatever events are
		// asked for.
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENXIO) {
			return &output{fd: -1, gone: true}
		}
		if err == nil {
			return &output{fd: fd}
		}
	case "socket":
		return openSocket(receiver)
	}
	return &output{fd: -1}
}

func openSocket(receiver Process) *output {
	pidfd, err := unix.PidfdOpen(receiver.PID, 0)
	if err != nil {
		return &output{fd: -1}
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, 1, 0)
	if err != nil {
		return &output{fd: -1}
	}
	o := &output{fd: fd}
	// sshd closes its half of a Unix socket when the client has sent everything, so there only the
	// end of both halves counts. A git client never closes half of a TCP connection.
	if domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil && domain != unix.AF_UNIX {
		o.events = unix.POLLRDHUP
	}
	return o
}

func (o *output) hungUp() bool {
	if o.gone || o.fd < 0 {
		return o.gone
	}
	poll := []unix.PollFd{{Fd: int32(o.fd), Events: o.events}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0 && poll[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLRDHUP) != 0
}

func (o *output) close() {
	if o.fd >= 0 {
		_ = unix.Close(o.fd)
	}
}
