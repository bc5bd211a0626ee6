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

// ErrClientGone is the cause of a context that ended because nobody waits for the push any more.
var ErrClientGone = errors.New("the client of this push has gone")

// beat is how often a process is looked at.
const beat = 100 * time.Millisecond

// Watch returns a context that ends, with the cause [ErrClientGone], when the receive-pack has
// ended or nobody reads what it says.
func Watch(ctx context.Context, receiver Process) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		out := openOutput(receiver)
		defer out.close()
		tick := time.NewTicker(beat)
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

// output is what a receive-pack writes to its client by. git itself notices a client that went away
// only when it writes, every receive.keepAlive seconds; here the kernel is asked. Where it may not
// be asked, git's own way remains.
type output struct {
	fd     int   // -1: unknown
	events int16 // what means that nobody reads
	gone   bool
}

// openOutput opens standard output of a receive-pack: a pipe (a local path, an HTTP server) or a
// socket (git daemon, ssh).
func openOutput(receiver Process) *output {
	path := fmt.Sprintf("/proc/%d/fd/1", receiver.PID)
	target, err := os.Readlink(path)
	if err != nil {
		return &output{fd: -1}
	}
	switch kind, _, _ := strings.Cut(target, ":"); kind {
	case "pipe":
		// A pipe opened for writing says POLLERR when no reader is left, whatever is asked for.
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
	// sshd ends its half of a Unix socket when the client has sent all, so only the end of both
	// halves says something there. A git client never ends half of a TCP connection.
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
