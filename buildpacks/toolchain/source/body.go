package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"slugc/cache/disk"
)

// minRate is what a server must send on average over the time of a stall, in bytes a second.
const minRate = 1000

// stallError is the error for a server that says nothing, or next to nothing.
type stallError struct {
	at, what string
	stall    time.Duration
}

func (e *stallError) Error() string {
	return fmt.Sprintf("getting %s: the server said %s for %s", e.at, e.what, e.stall)
}

func stalled(at *url.URL, stall time.Duration) error {
	return Transient(&stallError{show(at), "nothing", stall})
}

// liveBody ends a body whose server has gone silent or sends next to nothing. Only the time that its reader
// waits for the server counts.
type liveBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer // is stopped between reads
	stall  time.Duration
	at     *url.URL

	waited time.Duration // since the rate was measured last
	got    int           // bytes, in this time
}

func (b *liveBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.stall)
	began := time.Now()
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	b.waited, b.got = b.waited+time.Since(began), b.got+n
	switch {
	case err == io.EOF:
		return n, err
	case err == nil && b.waited < b.stall:
		return n, nil
	case err == nil && float64(b.got) < minRate*b.waited.Seconds():
		return n, Transient(&stallError{show(b.at), "next to nothing", b.stall})
	case err == nil:
		b.waited, b.got = 0, 0
		return n, nil
	case context.Cause(b.ctx) != nil:
		err = context.Cause(b.ctx)
		if _, stalled := errors.AsType[*stallError](err); stalled || errors.Is(err, context.Canceled) {
			return n, err
		}
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("it ended early")
	}
	return n, Transient(fmt.Errorf("getting %s: %w", show(b.at), err))
}

func (b *liveBody) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}

// useFile has use read a file.
func useFile(u *url.URL, use func(*answer) error) error {
	if u.Host != "" && u.Host != "localhost" {
		return fmt.Errorf("getting %s: a file address has no host", show(u))
	}
	f, err := disk.OpenRegular(u.Path)
	if errors.Is(err, os.ErrNotExist) {
		return &statusError{show(u), http.StatusNotFound}
	}
	if err != nil {
		return fmt.Errorf("getting %s: %w", show(u), errors.Unwrap(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("getting %s: %w", show(u), err)
	}
	return use(&answer{body: f, size: info.Size()})
}
